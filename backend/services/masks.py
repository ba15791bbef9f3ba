"""Masks behind an address: what the painted pictures of a unit come to, as the PNG that a Ground Truth manifest names."""

import hmac
import json
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from sqlalchemy import Row

from backend.services.postings import Job, Postings
from backend.services.results import Results
from backend.services.turns import Turns
from backend.services.verdicts import counting
from backend.store.submissions import spans
from piecework.domain.errors import Invalid, NotFound
from piecework.domain.keccak import keccak256
from piecework.domain.typed_data import Key
from piecework.quality.segments import Segmentation, segmented

TEMPLATE = "semantic-segmentation"
MOST_ANSWERS = 50
"""Pictures of a unit that are put together."""


class Masks:
    """Makes masks and their addresses. Whoever has an address may read the mask, as an annotation tool does that has no session here; an
    address can't be guessed.

    Args:
        results, postings: answers and jobs.
        key: the coordinator's.
        url: where it is reached.

    Attributes:
        turns: of those who ask for a mask.
    """

    def __init__(self, results: Results, postings: Postings, key: Key, url: str) -> None:
        self._results, self._postings, self._secret, self._url = results, postings, keccak256(b"piecework mask" + key.secret), url
        self.turns = Turns()
        self._one_at_a_time = Lock()  # a picture of many pixels takes its memory once

    def address(self, job: Job, unit: int) -> str:
        """Where a unit's mask is."""
        return f"{self._url}/masks/{job.id}/{unit}/{self._token(job, unit)}.png"

    def png(self, id: str, unit: int, token: str) -> bytes:
        """The mask at an address, as the answers that count make it now. It takes seconds, so in its turn.

        Raises:
            NotFound: there is none at this address.
        """
        job = self._postings.find(id)
        if not hmac.compare_digest(token.encode(), self._token(job, unit).encode()):
            raise NotFound("There is no mask at this address.")
        row, _ = self._results.unit(job, unit)
        first, last = next((first, last) for _, first, last in spans([row], MOST_ANSWERS))
        said = self._postings.manifest(self._postings.row(job.id))
        found = self.of(said, counting(self._results.answers(job, first, last)))
        if found is None:
            raise NotFound("There is no mask at this address: no answer of this unit has a picture that counts.")
        return found.png()

    def of(self, said: Mapping[str, Any], rows: Sequence[Row[Any]]) -> Segmentation | None:
        """What some answers to one unit of the job with that manifest come to; None where none of them has a picture."""
        if said["template"] != TEMPLATE:
            return None
        with self._one_at_a_time:
            try:
                return segmented([json.loads(row.answer) for row in rows[:MOST_ANSWERS]], said["labels"])
            except Invalid:
                return None

    def _token(self, job: Job, unit: int) -> str:
        return keccak256(self._secret + bytes.fromhex(job.id[2:]) + unit.to_bytes(4))[:16].hex()
