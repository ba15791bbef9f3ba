"""Notices by mail: to confirmed addresses only, of the kinds that were asked for, tried until the server takes them, ended by one click."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from backend.services.mail import Letter, Mailer
from backend.services.operators import service_key
from backend.services.webhooks import code_of
from backend.settings import Settings
from piecework.chain.build import ROOT
from piecework.domain.errors import Unavailable
from tests.backend.workshop import Works, call, new_key, sign_in, works
from tests.conftest import Chain
from tests.support.devnet import free_port
from tests.support.mail_server import PASSWORD, USER

TO = "worker@example.org"


class Mailserver:
    """A server's process, and what it took.

    Args:
        how: tls or starttls with its certificate; nothing for clear text.
    """

    def __init__(self, folder: Path, *how: str) -> None:
        self.port, self._folder, self._how = free_port(), folder / "mail", how
        self._process: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        self._folder.parent.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "tests.support.mail_server", str(self.port), str(self._folder), *self._how]
        self._process = subprocess.Popen(command, cwd=ROOT)

    def listening(self) -> None:
        """Returns when it takes connections."""
        deadline = time.monotonic() + 60
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

    @property
    def tried(self) -> int:
        """How often somebody tried to sign in."""
        said = self._folder.with_name("mail.tried")
        return len(said.read_text().splitlines()) if said.exists() else 0

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


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of localhost, signed by itself, in one file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - timedelta(days=1), now + timedelta(days=2))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    path = tmp_path_factory.mktemp("certificate") / "localhost.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return path


def mailer(port: int, security: str, host: str = "localhost") -> Mailer:
    """Who sends letters through a server of this machine."""
    told = {name: None for name in ("database_url", "rpc_url", "deployment", "data", "coordinator_key", "relayer_key")}
    smtp = {"smtp_host": host, "smtp_port": port, "smtp_security": security, "smtp_user": USER, "smtp_password": SecretStr(PASSWORD)}
    return Mailer(Settings.model_construct(**told | smtp), "http://127.0.0.1:1")


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_letter_goes_to_a_server_that_shows_who_it_is_and_a_password_to_no_other(
    security: str, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = Letter(TO, "Piecework: a trial", "Over TLS.", "m1", "http://127.0.0.1:1/u", datetime.now(UTC))
    servers = {"own": Mailserver(tmp_path / "own", security, str(certificate)), "clear": Mailserver(tmp_path / "clear")}
    try:
        for server in servers.values():
            server.open()
        for server in servers.values():
            server.listening()
        own, clear = servers["own"], servers["clear"]

        def refused(port: int, host: str = "localhost") -> None:
            with pytest.raises(Unavailable, match="The mail server didn't take it"):
                mailer(port, security, host).send(letter)

        refused(own.port)  # nobody whom this machine knows has signed the certificate
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        refused(own.port, "127.0.0.1")  # which is another's
        refused(clear.port)
        assert (own.tried, clear.tried, own.taken, clear.taken) == (0, 0, [], [])
        mailer(own.port, security).send(letter)
        (taken,) = own.wait(1)
        assert (taken["to"], taken.get_content().strip(), own.tried) == (TO, "Over TLS.", 1)
    finally:
        for server in servers.values():
            server.close()
