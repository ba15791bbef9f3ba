"""HTTP as nodes, and what stands before them, really speak it."""

import socket
import threading
import time

import pytest

from piecework.chain.rpc import Rpc, RpcUnavailable
from piecework.chain.transport import NoReply, Transport
from piecework.domain.errors import Invalid
from tests.indexer.raw_server import http, raw_server, saying
from tests.support.devnet import free_port


def test_one_connection_serves_many_requests() -> None:
    with raw_server(saying(http(b"{}"))) as server:
        transport = Transport(server.url, 5)
        assert [transport.post(b"[]").body for _ in range(20)] == [b"{}"] * 20
        assert (server.connections, server.requests) == (1, 20)
        transport.close()


def test_threads_have_a_connection_each_and_get_their_own_answers() -> None:
    def echo(connection: socket.socket, body: bytes) -> bool:
        connection.sendall(http(body))
        return True

    with raw_server(echo) as server:
        transport, wrong = Transport(server.url, 5), []

        def ask(number: int) -> None:
            for turn in range(50):
                body = b"%d.%d" % (number, turn)
                wrong.extend([body] if transport.post(body).body != body else [])

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        transport.close()
        assert wrong == [] and server.connections <= 4


def test_a_connection_that_the_other_side_closed_meanwhile_is_not_used_again() -> None:
    with raw_server(saying(http(b"{}"), stay=False)) as server:
        transport = Transport(server.url, 5)
        for _ in range(3):
            assert transport.post(b"[]").status == 200
            deadline = time.monotonic() + 5
            while not all(connection.fileno() == -1 for connection in server._open) and time.monotonic() < deadline:
                time.sleep(0.005)
        transport.close()


@pytest.mark.parametrize(
    "body",
    [
        http(b"x" * 3_000_000),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"%x\r\n%s\r\n0\r\n\r\n" % (3_000_000, b"x" * 3_000_000),
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + b"x" * 3_000_000,
    ],
    ids=["a length", "chunks", "an end"],
)
def test_a_long_body_comes_whole_however_its_end_is_marked(body: bytes) -> None:
    with raw_server(saying(body, stay=b"close" not in body[:60])) as server:
        assert Transport(server.url, 20).post(b"[]").body == b"x" * 3_000_000


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ((b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",), "cut"),
        ((b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\n{",), "cut"),
        ((b"SSH-2.0-OpenSSH_9.2\r\n",), "not http"),
        ((), "connection"),
    ],
)
def test_what_ends_too_early_is_no_answer(parts: tuple[bytes, ...], kind: str) -> None:
    with raw_server(saying(*parts, stay=False)) as server:
        with pytest.raises(NoReply) as caught:
            Transport(server.url, 5).post(b"[]")
        assert caught.value.kind == kind
        assert caught.value.sentence.startswith(f"No chain answers at {server.url}")


def test_nobody_there_is_no_answer() -> None:
    with pytest.raises(NoReply) as caught:
        Transport(f"http://127.0.0.1:{free_port()}", 5).post(b"[]")
    assert caught.value.kind == "connection"


def drip(connection: socket.socket, body: bytes) -> bool:
    """A byte now and then, for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.02)


def drip_headers(connection: socket.socket, body: bytes) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\nx-slow: ")
    while True:
        connection.sendall(b"y")
        time.sleep(0.02)


@pytest.mark.parametrize("script", [drip, drip_headers, lambda connection, body: threading.Event().wait(30)])
def test_a_node_that_drips_or_hangs_cannot_stretch_the_time_it_has(script: object) -> None:
    with raw_server(script) as server:  # type: ignore[arg-type]
        began = time.monotonic()
        with pytest.raises(NoReply) as caught:
            Transport(server.url, 0.4).post(b"[]")
        assert caught.value.kind == "timeout"
        assert time.monotonic() - began < 10


def test_an_endless_body_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("piecework.chain.transport.MOST_BYTES", 1_000_000)
    for start in (b"connection: close", b"content-length: 5000000"):
        answer = b"HTTP/1.1 200 OK\r\n" + start + b"\r\n\r\n" + b"x" * 5_000_000
        with raw_server(saying(answer, stay=False)) as server, pytest.raises(NoReply):
            Transport(server.url, 20).post(b"[]")


def test_status_and_retry_after_are_given() -> None:
    with raw_server(saying(http(b"slow down", "429 Too Many Requests", retry_after="7"))) as server:
        reply = Transport(server.url, 5).post(b"[]")
        assert (reply.status, reply.body, reply.retry_after) == (429, b"slow down", "7")


def test_an_address_of_another_kind_is_refused() -> None:
    for url in ("ws://node", "node:8545", "", "http://"):
        with pytest.raises(Invalid, match="http://"):
            Transport(url, 5)


def test_the_sentence_about_a_node_does_not_tell_its_key() -> None:
    rpc = Rpc(f"http://user:secret@127.0.0.1:{free_port()}/v2/secret?key=secret", 5)
    with pytest.raises(RpcUnavailable) as caught:
        rpc.call("eth_chainId")
    assert "secret" not in caught.value.sentence and "127.0.0.1" in caught.value.sentence
