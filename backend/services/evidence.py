"""What the sides of a dispute say: kept as canonical JSON under its keccak256, so that the chain can name it."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from backend.services.judges import Judges
from backend.store import evidence
from backend.store.database import Store
from piecework.domain.content import canonical_json
from piecework.domain.errors import Invalid, NotFound
from piecework.domain.keccak import keccak256

LONGEST_EVIDENCE = 65_536
"""Bytes of the document."""
MOST_ATTACHMENTS = 50


class EvidenceRoom:
    """Keeps evidence and shows it to the two sides, and to who rules between them.

    Args:
        store: where.
        judges: know who that is.
        clock: the time, aware.
    """

    def __init__(self, store: Store, judges: Judges, clock: Callable[[], datetime]) -> None:
        self._store, self._judges, self._clock = store, judges, clock

    async def submit(self, author: str, kind: str, id: str, text: str, attachments: Sequence[str]) -> str:
        """Keeps what an account says of a job, opening or appeal; the document's hash. The same again is the same.

        Raises:
            Invalid: it says nothing, or is too long.
            NotFound: there is no such thing, or the account is on neither side of it.
        """
        document = document_of(author, kind, id, text, attachments)
        hash, now = "0x" + keccak256(document).hex(), self._clock()
        with self._store.read() as connection:
            if evidence.side(connection, kind, id, author) is None:
                raise NotFound(f"There is no {kind} {id} that you are a side of.")
        await self._store.write(lambda connection: evidence.save(connection, hash, author, document.decode(), now))
        return hash

    def one(self, account: str, hash: str) -> dict[str, Any]:
        """A document, to its author and to the other side: the requester sees all, a worker what the requester says. While what it is
        about is appealed, also to who rules on that.

        Raises:
            NotFound: there is none, or it isn't the account's to see.
        """
        arbitrator = None
        with self._store.read() as connection:
            row: Any = evidence.one(connection, hash)
            if row is not None:
                document: dict[str, Any] = json.loads(row.document)
                about = document["about"]["kind"], document["about"]["id"]
                asker, author = (evidence.side(connection, *about, who) for who in (account, row.author))
                if account == row.author or asker == "requester" or (asker == "worker" and author == "requester"):
                    return document
                arbitrator = evidence.judged_by(connection, *about)
        if arbitrator is not None and self._judges.sits(account, arbitrator):
            return document
        raise NotFound(f"There is no evidence {hash} that you may see.")


def document_of(author: str, kind: str, id: str, text: str, attachments: Sequence[str]) -> bytes:
    """What an account says of a thing, as it is hashed.

    Raises:
        Invalid: it says nothing, or is too long.
    """
    if not text.strip():
        raise Invalid("Evidence needs a text; say what happened.")
    if "\x00" in text:
        raise Invalid("The text holds a zero character; leave it out.")
    if len(attachments) > MOST_ATTACHMENTS:
        raise Invalid(f"Evidence has at most {MOST_ATTACHMENTS} attachments; these are {len(attachments)}.")
    said = {"about": {"kind": kind, "id": id}, "attachments": list(attachments), "author": author, "text": text}
    document = canonical_json(said)
    if len(document) > LONGEST_EVIDENCE:
        raise Invalid(f"Evidence has at most {LONGEST_EVIDENCE} bytes; this has {len(document)}. Attach the rest by its hash.")
    return document
