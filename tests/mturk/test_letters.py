"""Events by Email: letters to addresses that their requester has confirmed, through a real mail server."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.test_mail import Mailserver
from tests.backend.workshop import Works, call, works
from tests.conftest import Chain
from tests.mturk.conftest import HIT, Turk, turk
from tests.mturk.test_life import refused
from tests.support.mail_server import PASSWORD, USER

TO = "requester@example.org"
WANTED = {"Destination": TO, "Transport": "Email", "Version": "2006-05-05", "EventTypes": ["HITCreated"]}
TYPE = {name: HIT[name] for name in ("Title", "Description", "Reward", "AssignmentDurationInSeconds")}


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailserver]:
    server = Mailserver(tmp_path / "server")
    server.open()
    yield server
    server.close()


@pytest.fixture
def posting(shared_chain: Chain, mailbox: Mailserver, tmp_path: Path) -> Iterator[Works]:
    """A marketplace with a mail server."""
    told = {"HOST": "127.0.0.1", "PORT": str(mailbox.port), "SECURITY": "none", "USER": USER, "PASSWORD": PASSWORD}
    options = {f"PIECEWORK_SMTP_{name}": value for name, value in told.items()} | {"PIECEWORK_OPERATOR_GAS": str(10**16)}
    with works(shared_chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path, **options) as both:
        yield both


def test_events_are_mailed_to_a_confirmed_address_in_the_words_of_the_documentation(posting: Works, mailbox: Mailserver) -> None:
    asker = turk(posting)
    client = asker.client()
    kind = client.create_hit_type(**TYPE)["HITTypeId"]
    for operation, given in (
        (client.update_notification_settings, {"HITTypeId": kind, "Notification": WANTED}),
        (client.send_test_event_notification, {"Notification": WANTED, "TestEventType": "Ping"}),
    ):
        refused("InvalidTransportEndpoint", f"Confirm {TO} first", operation, **given)
    mailbox.listening()
    hook = call(posting, "POST", "/v1/webhooks", {"url": f"mailto:{TO}", "kinds": ["block.set"]}, asker.token).body["id"]
    (asked,) = mailbox.wait(1)
    code = re.search(r"confirms it: (\d{8})", asked.get_content())
    assert code and call(posting, "POST", f"/v1/webhooks/{hook}/confirm", {"code": code[1]}, asker.token).status == 204
    stranger = turk(posting, 1).client()
    refused("InvalidTransportEndpoint", "first", stranger.send_test_event_notification, Notification=WANTED, TestEventType="Ping")
    client.send_test_event_notification(Notification=WANTED, TestEventType="Ping")
    client.update_notification_settings(HITTypeId=kind, Notification=WANTED)
    hit = client.create_hit_with_hit_type(HITTypeId=kind, LifetimeInSeconds=600, Question=HIT["Question"])["HIT"]["HITId"]
    letters = {letter["subject"]: letter for letter in mailbox.wait(3)[1:]}
    assert set(letters) == {"Piecework: Ping", "Piecework: HITCreated"} and all(letter["to"] == TO for letter in letters.values())
    text = letters["Piecework: HITCreated"].get_content()
    assert f"EventType: HITCreated\nEventTimestamp: " in text and f"HITTypeId: {kind}\nHITId: {hit}\nEventDocId: " in text
    assert f"/unsubscribe/{hook}/" in letters["Piecework: HITCreated"]["List-Unsubscribe"]
    assert call(posting, "DELETE", f"/v1/webhooks/{hook}", None, asker.token).status == 204
    refused("InvalidTransportEndpoint", "first", client.send_test_event_notification, Notification=WANTED, TestEventType="Ping")


def test_without_a_mail_server_email_is_taken_and_carries_nothing(asker: Turk) -> None:
    client = asker.client()
    kind = client.create_hit_type(**TYPE)["HITTypeId"]
    assert client.update_notification_settings(HITTypeId=kind, Notification=WANTED)["ResponseMetadata"]["HTTPStatusCode"] == 200
