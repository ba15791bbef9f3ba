"""Content in S3: a real server process, a job from its file to a proven unit, and what is said when the server is gone."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing

import boto3
import pytest

from backend.store.bucket import Bucket
from piecework.domain.errors import Invalid, Unavailable
from tests.backend.test_drafts import described, lines, mint, opened, send, upload
from tests.backend.workshop import call, sign_in, works
from tests.conftest import Chain
from tests.support.devnet import free_port


class S3:
    """A moto server that this test started."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "AWS_ACCESS_KEY_ID": "k",
            "AWS_SECRET_ACCESS_KEY": "s",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
        }
        self.process = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        """Starts it and waits until it answers."""
        command = [sys.executable, "-m", "moto.server", "-p", str(self.port)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(300):
            try:
                with urllib.request.urlopen(self.url, timeout=1):
                    return process
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
        raise AssertionError("moto never answered")

    @property
    def client(self) -> object:
        e = self.environment
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=e["AWS_REGION"],
            aws_access_key_id="k",
            aws_secret_access_key="s",
        )


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    server = S3()
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait(10)


@pytest.fixture
def bucket(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    s3.client.create_bucket(Bucket="units")  # type: ignore[attr-defined]
    return Bucket("s3://units/lab")


def test_what_is_written_is_read_by_range_and_nothing_half_is_seen(bucket: Bucket) -> None:
    sink = bucket.sink("a/b.units")
    sink.write(b"first\n")
    sink.write(b"x" * (20 << 20))
    assert not bucket.has("a/b.units")
    sink.close()
    assert bucket.has("a/b.units") and bucket.read("a/b.units", 0, 5) == b"first"
    assert len(bucket.read("a/b.units", 6, 20 << 20)) == 20 << 20
    left = bucket.sink("a/c.units")
    left.write(b"y")
    left.abort()
    assert not bucket.has("a/c.units")
    bucket.remove("a/b.units")
    bucket.remove("a/b.units")
    assert not bucket.has("a/b.units")
    with pytest.raises(Unavailable, match="missing"):
        bucket.read("a/b.units", 0, 1)


@pytest.mark.parametrize("url", ["http://x/y", "s3://", "/tmp/x"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match="s3://bucket"):
        Bucket(url)


def test_a_server_that_is_gone_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        for name, value in {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "x"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(Unavailable, match="doesn't answer"):
            Bucket("s3://units/lab").read("a", 0, 1)


def test_a_job_whose_content_lies_in_a_bucket(
    s3: S3, bucket: Bucket, shared_chain: Chain, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bucket")
    assert os.environ["AWS_ENDPOINT_URL"] == s3.url
    with works(shared_chain, f"sqlite:///{folder}/piecework.db", folder, PIECEWORK_CONTENT_URL="s3://units/lab") as market:
        key = market.chain.requester
        token = sign_in(market, key)
        draft = call(market, "POST", "/v1/drafts", described(), token).body["id"]
        assert upload(market, token, draft, lines(1_100)).status == 201
        job = call(market, "POST", f"/v1/drafts/{draft}/prepare", {}, token).body
        mint(market, key, int(job["amount"]))
        for transaction in call(market, "GET", f"/v1/jobs/{job['id']}/funding", token=token).body["transactions"]:
            send(market, key, transaction)
        opened(market, job["id"])
        proof = call(market, "GET", f"/v1/jobs/{job['id']}/units/1050/proof", token=token).body
        assert proof["content"] == {"text": "unit 1050"}
        assert not (folder / "content").exists()
        names = [entry["Key"] for entry in s3.client.list_objects_v2(Bucket="units")["Contents"]]  # type: ignore[attr-defined]
        assert [name.startswith("lab/loads/") for name in names] == [True]
