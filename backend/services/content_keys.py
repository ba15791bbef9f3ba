"""Keys by which requesters have their units sealed at rest. The coordinator keeps each wrapped by a key of its own, to show units to
workers; a requester may take its key back, and what lies in the store is noise from then on."""

import hashlib
import hmac
import re
import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection

from backend.store import unit_loads
from backend.store.content import NONCE, SEALED
from backend.store.database import Store
from piecework.domain.errors import Conflict, Invalid, Unavailable

LENGTH = 32
_PLACE = re.compile(rf"loads/([0-9]+)-[0-9a-f]+{re.escape(SEALED)}")


class ContentKeys:
    """Wraps, finds and forgets keys.

    Args:
        store: where they are kept, wrapped.
        secret: the coordinator's; the wrapping key is derived from it.
    """

    def __init__(self, store: Store, secret: bytes) -> None:
        self._store = store
        self._wrapping = AESGCM(HKDF(SHA256(), LENGTH, None, b"piecework content keys").derive(secret))

    def place(self, number: int, sealed: bool) -> str:
        """The object of a load."""
        return f"loads/{number}-{secrets.token_hex(8)}{SEALED if sealed else '.units'}"

    def keep(self, connection: Connection, number: int, key: bytes) -> None:
        """Keeps the key of a load.

        Raises:
            Invalid: not 32 bytes.
            Conflict: the load was sealed with another.
        """
        if len(key) != LENGTH:
            raise Invalid(f"A content key has {LENGTH} bytes.")
        mark = hmac.new(key, b"piecework content", hashlib.sha256).digest()
        known = unit_loads.key(connection, number)
        if known is not None and known.mark != mark:
            raise Conflict("That isn't the key that these units were sealed with.")
        nonce = secrets.token_bytes(NONCE)
        unit_loads.keep_key(connection, number, nonce + self._wrapping.encrypt(nonce, key, mark), mark)

    async def give(self, number: int, key: bytes) -> None:
        """Gives the key of a load back."""

        def work(connection: Connection) -> None:
            if unit_loads.key(connection, number) is None:
                raise Conflict("The units of this job aren't sealed.")
            self.keep(connection, number, key)

        await self._store.write(work)

    async def take_back(self, number: int) -> None:
        """Forgets the key of a load; its units can't be shown until it is given again.

        Raises:
            Conflict: they aren't sealed.
        """

        def work(connection: Connection) -> None:
            known = unit_loads.key(connection, number)
            if known is None:
                raise Conflict("The units of this job aren't sealed.")
            unit_loads.keep_key(connection, number, b"", known.mark)

        await self._store.write(work)

    def of(self, place: str) -> bytes:
        """The key of a sealed object.

        Raises:
            Unavailable: its requester took it back.
        """
        match = _PLACE.fullmatch(place)
        assert match is not None, place
        with self._store.read() as connection:
            row = unit_loads.key(connection, int(match[1]))
        if row is None or not row.wrapped:
            raise Unavailable("The requester took back the key of this job's content, so it can't be shown.")
        return self._wrapping.decrypt(row.wrapped[:NONCE], row.wrapped[NONCE:], row.mark)
