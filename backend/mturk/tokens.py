"""Pagination tokens: where a list goes on, signed, so that one can't be made up or carried to another list.

A page with anything on it has a token, the last one too, as it was at Amazon: oTree and Mephisto read `NextToken` from every such page,
and stop at an empty one.
"""

import base64
import binascii
import hashlib
import hmac
import json

from backend.mturk.errors import invalid

_MARK = 16
"""Bytes of the signature that are kept: 128 bits."""
_SENTENCE = "NextToken is not one that this list gave out; begin again without it."


class Tokens:
    """Makes and reads tokens.

    Args:
        key: 32 secret bytes, the same in every process.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, requester: str, operation: str, question: dict[str, object], cursor: str) -> str:
        """A token for the page after `cursor` of what `requester` asked. At most 255 characters for a cursor of up to 150."""
        text = cursor.encode()
        return base64.urlsafe_b64encode(self._sign(requester, operation, question, text) + text).decode().rstrip("=")

    def read(self, requester: str, operation: str, question: dict[str, object], token: str | None) -> str | None:
        """The cursor in a token; None without one.

        Raises:
            RequestError: it is somebody else's, another list's, or nobody's.
        """
        if token is None:
            return None
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise invalid(_SENTENCE) from None
        mark, text = raw[:_MARK], raw[_MARK:]
        if not hmac.compare_digest(mark, self._sign(requester, operation, question, text)):
            raise invalid(_SENTENCE)
        return text.decode()

    def _sign(self, requester: str, operation: str, question: dict[str, object], cursor: bytes) -> bytes:
        asked = json.dumps([requester, operation, question], sort_keys=True, default=str).encode()
        return hmac.new(self._key, asked + b"\0" + cursor, hashlib.sha256).digest()[:_MARK]
