"""Objects in S3 or what speaks its language."""

from functools import lru_cache
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from backend.store.content import Sink
from piecework.domain.errors import Invalid, Unavailable

CACHED = 4_096
"""Ranges that are kept in memory: a unit is asked for once for each of its answers."""
MOST_CACHED = 65_536
"""Bytes of one that is."""
PART = 8 << 20


class Bucket:
    """Objects in a bucket. Credentials, region and endpoint are AWS's own variables (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, …).

    Args:
        url: s3://bucket/prefix.

    Raises:
        Invalid: not such a URL, or the variables don't fit.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc:
            raise Invalid("PIECEWORK_CONTENT_URL must be s3://bucket/prefix; without it content lies in PIECEWORK_DATA.")
        try:
            self._store = S3Store(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                virtual_hosted_style_request=False,
                client_options={"allow_http": True, "timeout": "30s"},
            )
        except BaseError as error:
            raise Invalid(f"PIECEWORK_CONTENT_URL: {_line(error)}.") from None
        self._kept = lru_cache(maxsize=CACHED)(self._range)

    def has(self, place: str) -> bool:
        try:
            self._store.head(place)
        except FileNotFoundError:
            return False
        except BaseError as error:
            raise _gone(error) from None
        return True

    def read(self, place: str, offset: int, length: int) -> bytes:
        return (self._kept if length <= MOST_CACHED else self._range)(place, offset, length)

    def sink(self, place: str) -> Sink:
        return _ObjectSink(self._store, place)

    def remove(self, place: str) -> None:
        try:
            self._store.delete(place)
        except FileNotFoundError:
            pass  # gone already
        except BaseError as error:
            raise _gone(error) from None

    def _range(self, place: str, offset: int, length: int) -> bytes:
        try:
            return bytes(self._store.get_range(place, start=offset, length=length))
        except (FileNotFoundError, NotFoundError):
            raise Unavailable(f"The content object {place} is missing; give the bucket back its objects.") from None
        except BaseError as error:
            raise _gone(error) from None


class _ObjectSink:
    """An upload in parts, of which nobody sees anything before it is complete."""

    def __init__(self, store: S3Store, place: str) -> None:
        self._writer = obstore.open_writer(store, place, buffer_size=PART)

    def write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
        except (BaseError, OSError) as error:
            raise _gone(error) from None

    def close(self) -> None:
        try:
            self._writer.close()
        except (BaseError, OSError) as error:
            raise _gone(error) from None

    def abort(self) -> None:
        """Nothing to do: what isn't closed is never seen."""


def _gone(error: Exception) -> Unavailable:
    return Unavailable(f"The content store doesn't answer: {_line(error)}.")


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no words"])[0].rstrip(".")[:300]
