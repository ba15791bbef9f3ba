"""AWS Signature Version 4, verified over the very bytes and host that arrived.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from backend.mturk.errors import Refused

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "mturk-requester"
SKEW = timedelta(minutes=15)
"""How far a client's clock may be from ours, as at AWS."""
_PART = re.compile(r"(Credential|SignedHeaders|Signature)=([^,\s]+)")
_REQUIRED = ("host",)


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it arrived. `headers` are (lower-case name, value) in order; `path` and `query` as sent."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """A header's values, joined as the standard joins them; empty if it isn't there."""
        return ",".join(" ".join(value.split()) for key, value in self.headers if key == name)


@dataclass(frozen=True, slots=True)
class Authorization:
    """What the Authorization header says."""

    access_key_id: str
    day: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str

    @property
    def scope(self) -> str:
        return f"{self.day}/{self.region}/{self.service}/aws4_request"


def authorization(request: Signed) -> Authorization:
    """Reads the Authorization header.

    Raises:
        Refused: it is missing, or not a whole one of Signature Version 4.
    """
    header = request.header("authorization")
    if not header:
        raise Refused("MissingAuthenticationTokenException", "Missing Authentication Token: sign the request (SigV4).")
    algorithm, _, rest = header.partition(" ")
    parts = dict(_PART.findall(rest))
    credential = parts.get("Credential", "").split("/")
    if algorithm != ALGORITHM or len(parts) != 3 or len(credential) != 5 or credential[4] != "aws4_request":
        raise Refused("IncompleteSignatureException", f"The Authorization header is not one of {ALGORITHM}.")
    names = tuple(parts["SignedHeaders"].split(";"))
    return Authorization(credential[0], credential[1], credential[2], credential[3], names, parts["Signature"])


def verify(request: Signed, given: Authorization, secret_access_key: str, now: datetime) -> None:
    """Checks that the holder of the secret signed this request now, for this host.

    Raises:
        Refused: in AWS's own codes, with what to mend.
    """
    at = _time(request)
    if abs(now - at) > SKEW:
        raise Refused(
            "InvalidSignatureException",
            f"Signature expired or not yet valid: it is of {at:%Y%m%dT%H%M%SZ}, and here it is {now:%Y%m%dT%H%M%SZ}; set the clock.",
        )
    if given.day != f"{at:%Y%m%d}" or given.service != SERVICE:
        raise Refused("InvalidSignatureException", f"The credential's scope should be …/{SERVICE}/aws4_request of the same day.")
    unsigned = _unsigned(request, given)
    if unsigned:
        raise Refused("InvalidSignatureException", f"These headers must be signed too: {', '.join(unsigned)}.")
    expected = sign(request, given, secret_access_key, at)
    if not hmac.compare_digest(expected.encode(), given.signature.encode("utf-8", "surrogateescape")):
        raise Refused(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check the secret access key, and that "
            f"nothing between you and us changes the Host header ({request.header('host')}).",
        )


def sign(request: Signed, given: Authorization, secret_access_key: str, at: datetime) -> str:
    """The signature that the request should carry, as hex."""
    canonical = _canonical(request, given.signed_headers)
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    text = "\n".join([ALGORITHM, f"{at:%Y%m%dT%H%M%SZ}", given.scope, digest])
    key = f"AWS4{secret_access_key}".encode()
    for part in given.scope.split("/"):
        key = _hmac(key, part)
    return _hmac(key, text).hex()


def _canonical(request: Signed, names: tuple[str, ...]) -> str:
    headers = "".join(f"{name}:{request.header(name)}\n" for name in names)
    payload = hashlib.sha256(request.body).hexdigest()
    query = "&".join(sorted(request.query.split("&"))) if request.query else ""
    return "\n".join([request.method, request.path or "/", query, headers, ";".join(names), payload])


def _unsigned(request: Signed, given: Authorization) -> list[str]:
    """Headers that decide what happens and aren't under the signature."""
    decisive = [name for name in ("x-amz-target", "x-amz-date", "content-type") if request.header(name)]
    return [name for name in (*_REQUIRED, *decisive) if name not in given.signed_headers]


def _time(request: Signed) -> datetime:
    text = request.header("x-amz-date")
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Refused("IncompleteSignatureException", "The request needs an X-Amz-Date header like 20261126T120000Z.") from None


def _hmac(key: bytes, text: str) -> bytes:
    make: Callable[..., "hmac.HMAC"] = hmac.new
    return make(key, text.encode("utf-8", "surrogateescape"), hashlib.sha256).digest()
