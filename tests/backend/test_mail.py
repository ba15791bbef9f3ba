"""Notices by mail: to confirmed addresses only, of the kinds that were asked for, tried until the server takes them, ended by one click."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
import urllib3

from backend.services.operators import service_key
from backend.services.webhooks import code_of
from piecework.chain.build import ROOT
from tests.backend.workshop import Works, call, new_key, sign_in, works
from tests.conftest import Chain
from tests.support.devnet import free_port
from tests.support.mail_server import PASSWORD, USER

TO = "worker@example.org"


class Mailserver:
    """A server's process, and what it took."""

    def __init__(self, folder: Path) -> None:
        self.port, self._folder = free_port(), folder / "mail"
        self._process: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        command = [sys.executable, "-m", "tests.support.mail_server", str(self.port), str(self._folder)]
        self._process = subprocess.Popen(command, cwd=ROOT)

    def close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

    @property
    def taken(self) -> list[EmailMessage]:
        """Letters, the oldest first."""
        paths = sorted((self._folder / "new").glob("*"), key=lambda path: path.stat().st_mtime_ns)
        return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]  # type: ignore[misc]

    def wait(self, count: int) -> list[EmailMessage]:
        deadline = time.monotonic() + 60
        while len(taken := self.taken) < count:
            assert time.monotonic() < deadline, [str(message) for message in taken]
            time.sleep(0.05)
        return taken


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailserver]:
    server = Mailserver(tmp_path_factory.mktemp("server"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def market(shared_chain: Chain, mailbox: Mailserver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    folder: Path = tmp_path_factory.mktemp("mail")
    told = {"HOST": "127.0.0.1", "PORT": str(mailbox.port), "SECURITY": "none", "USER": USER, "PASSWORD": PASSWORD}
    more = {f"PIECEWORK_SMTP_{name}": value for name, value in told.items()} | {"PIECEWORK_SMTP_FROM": "notices@piecework.example"}
    with works(shared_chain, f"sqlite:///{folder}/piecework.db", folder, **more) as shared:
        yield shared


def block(market: Works, worker: str, by: str, reason: str) -> None:
    assert call(market, "PUT", f"/v1/blocks/{worker}", {"reason": reason}, by).status == 204


def test_an_address_is_written_to_once_it_has_given_its_word_and_until_it_takes_that_back(market: Works, mailbox: Mailserver) -> None:
    key, asker = new_key(), sign_in(market, new_key())
    worker = sign_in(market, key)
    added = call(market, "POST", "/v1/webhooks", {"url": f"mailto:{TO}", "kinds": ["block.set"]}, worker)
    assert (added.status, added.body["confirmed"]) == (201, False) and "secret" not in added.body
    hook = f"/v1/webhooks/{added.body['id']}"
    market.until("SELECT 1 FROM delivery WHERE said LIKE '%mail server%' AND state = 'waiting'")
    mailbox.open()  # until now nobody listened: the letter was tried, and is tried again
    (letter,) = mailbox.wait(1)
    text = letter.get_content()
    code = re.search(r"confirms it: (\d{8})", text)
    assert code and key.address in text and (letter["to"], letter["from"]) == (TO, "Piecework <notices@piecework.example>")
    assert not market.rows("SELECT 1 FROM delivery WHERE body LIKE :code", code=f"%{code[1]}%"), "who reads the database confirms nothing"

    block(market, key.address, asker, "before the word was given")
    market.until("SELECT 1 FROM notice WHERE number IS NOT NULL AND kind = 'block.set'")
    wrong = str((int(code[1]) + 1) % 10**8).zfill(8)
    assert call(market, "POST", f"{hook}/confirm", {"code": wrong}, worker).status == 422
    assert call(market, "POST", f"{hook}/ping", {}, worker).status == 409
    assert call(market, "DELETE", hook, token=worker).status == 409, "else it could be asked again and again"
    assert call(market, "POST", f"{hook}/confirm", {"code": code[1]}, worker).status == 204
    block(market, key.address, asker, "Evil\r\nBcc: everybody@example.org")
    call(market, "DELETE", f"/v1/blocks/{key.address}", token=asker)
    letter = mailbox.wait(2)[1]
    assert letter["subject"] == "Piecework: block set" and letter["bcc"] is None and "Bcc: everybody" in letter.get_content()
    market.until("SELECT 1 FROM delivery WHERE state = 'delivered' AND body LIKE '%block.set%'")

    link = letter["list-unsubscribe"].strip("<>")
    assert letter["list-unsubscribe-post"] == "List-Unsubscribe=One-Click" and link.startswith(market.url)
    assert b"<button>" in urllib3.request("GET", link).data and call(market, "GET", "/v1/webhooks", token=worker).body["items"]
    assert urllib3.request("POST", link[:-1] + ("0" if link[-1] != "0" else "1")).status == 404
    assert urllib3.request("POST", link, fields={"List-Unsubscribe": "One-Click"}).status == 200
    assert call(market, "GET", "/v1/webhooks", token=worker).body["items"] == []
    block(market, key.address, asker, "after that")
    market.until("SELECT count(*) FROM notice WHERE number IS NOT NULL AND kind = 'block.set' HAVING count(*) = 3")
    time.sleep(1)
    assert len(mailbox.taken) == 2, "of its kinds only, each once, and none afterwards"


def test_nobody_is_asked_for_a_word_again_and_again_and_no_code_is_guessed(market: Works) -> None:
    body = {"url": "mailto:victim@example.org", "kinds": ["block.set"]}
    tokens = [sign_in(market, new_key()) for _ in range(4)]
    asked = [call(market, "POST", "/v1/webhooks", body, token) for token in tokens]
    assert [answer.status for answer in asked] == [201, 201, 201, 409]
    path = f"/v1/webhooks/{asked[0].body['id']}/confirm"
    for _ in range(5):
        assert call(market, "POST", path, {"code": "no"}, tokens[0]).status == 422
    right = code_of(service_key(market.chain.coordinator.secret), asked[0].body["id"])
    assert call(market, "POST", path, {"code": right}, tokens[0]).status == 422, "five wrong ones were enough"
    market.write("UPDATE webhook SET created_at = '2020-01-01 00:00:00.000000' WHERE url LIKE '%victim%'")
    market.until("SELECT count(*) FROM webhook WHERE url LIKE '%victim%' HAVING count(*) = 0")
    assert call(market, "POST", "/v1/webhooks", body, tokens[3]).status == 201, "a day later it may be asked again"


@pytest.mark.parametrize("address", ["", "nobody", "a@b", "a@b.c", "a b@example.org", "a@example.org\nBcc: b@example.org", "a@ex..org", "x" * 300 + "@a.org"])
def test_what_is_no_address_is_refused(market: Works, address: str) -> None:
    answer = call(market, "POST", "/v1/webhooks", {"url": f"mailto:{address}", "kinds": ["block.set"]}, sign_in(market, new_key()))
    assert answer.status == 422 and "mail address" in answer.body["detail"]
