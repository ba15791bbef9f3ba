"""A signature is verified as botocore makes it, over the host that was received, and nothing else passes."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from backend.mturk.errors import Refused
from backend.mturk.sigv4 import Signed, authorization, verify

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ID = "PKIAABCDEFGHIJKLMNOP"
BODY = b'{"HITId": "3ABC"}'


def signed(url: str = "http://127.0.0.1:8000/", body: bytes = BODY, secret: str = SECRET, **extra: str) -> Signed:
    """A request as the SDK signs it now."""
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "MTurkRequesterServiceV20170117.GetHIT",
        **{name.replace("_", "-"): value for name, value in extra.items()},
    }
    request = AWSRequest("POST", url, headers, body)
    SigV4Auth(Credentials(ID, secret), "mturk-requester", "us-east-1").add_auth(request)
    host = url.split("/")[2]
    arrived = [(name.lower(), value) for name, value in request.headers.items()]
    return Signed("POST", "/", "", [("host", host), *arrived], body)


def now() -> datetime:
    return datetime.now(UTC)


def changed(request: Signed, name: str, value: str) -> Signed:
    headers = [(key, value if key == name else was) for key, was in request.headers]
    return Signed(request.method, request.path, request.query, headers, request.body)


def test_what_the_sdk_signs_is_taken() -> None:
    request = signed()
    given = authorization(request)
    assert given.access_key_id == ID
    verify(request, given, SECRET, now())


def test_the_port_belongs_to_the_host() -> None:
    request = signed("http://market.example:8443/")
    verify(request, authorization(request), SECRET, now())
    with pytest.raises(Refused, match="Host header"):
        verify(changed(request, "host", "market.example"), authorization(request), SECRET, now())


@pytest.mark.parametrize(
    ("name", "value"),
    [("x-amz-target", "MTurkRequesterServiceV20170117.SendBonus"), ("host", "other.example"), ("content-type", "text/plain")],
)
def test_a_changed_header_is_noticed(name: str, value: str) -> None:
    request = changed(signed(), name, value)
    with pytest.raises(Refused, match="does not match"):
        verify(request, authorization(request), SECRET, now())


def test_another_body_is_noticed() -> None:
    request = signed()
    other = Signed(request.method, request.path, request.query, request.headers, b'{"HITId": "3ABD"}')
    with pytest.raises(Refused, match="does not match"):
        verify(other, authorization(other), SECRET, now())


def test_another_secret_is_noticed() -> None:
    request = signed(secret=SECRET[::-1])
    with pytest.raises(Refused, match="does not match"):
        verify(request, authorization(request), SECRET, now())


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_clock_that_is_wrong_is_told(minutes: int) -> None:
    request = signed()
    with pytest.raises(Refused, match="set the clock"):
        verify(request, authorization(request), SECRET, now() + timedelta(minutes=minutes))


def test_ten_minutes_are_forgiven() -> None:
    request = signed()
    verify(request, authorization(request), SECRET, now() + timedelta(minutes=10))


def test_a_header_that_decides_must_be_signed() -> None:
    request = signed()
    header = request.header("authorization").replace(";x-amz-target", "")
    assert header != request.header("authorization")
    request = changed(request, "authorization", header)
    with pytest.raises(Refused, match="x-amz-target"):
        verify(request, authorization(request), SECRET, now())


@pytest.mark.parametrize(
    "header", ["", "Bearer abc", "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request", "AWS4-HMAC-SHA256 x", "\udcff"]
)
def test_what_is_no_signature_is_refused(header: str) -> None:
    with pytest.raises(Refused):
        authorization(Signed("POST", "/", "", [("authorization", header)], b""))


@pytest.mark.parametrize("signature", ["é", "", "0" * 64])
def test_a_signature_of_other_letters_is_a_wrong_one(signature: str) -> None:
    request = signed()
    header = request.header("authorization")
    request = changed(request, "authorization", header[: header.index("Signature=") + 10] + signature)
    with pytest.raises(Refused):
        verify(request, authorization(request), SECRET, now())
