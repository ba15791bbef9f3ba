"""Carries events to where HIT types' owners want them: at least once, in any order, as the interface has it.

    https://…            a webhook: an SNS-shaped envelope, signed as every webhook here is (Standard Webhooks)
    SQS or SNS           a queue's URL or a topic's ARN, where the service has an endpoint for it (`mturk_sqs`, `mturk_sns`)
    Email                a letter, where the service has a mail server, to an address that the owner has confirmed

The document inside is the same everywhere: EventDocVersion, EventDocId, CustomerId, Events. A letter says the event in the same words.
"""

import base64
import json
import logging
import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy import Connection, Row, bindparam, delete, func, select, update
from sqlmodel import col

from backend.mturk.ids import derived_id, worker_id
from backend.mturk.service import MTurk
from backend.services.courier import signature
from backend.services.lanes import Lanes
from backend.services.mail import SCHEME, Letter
from backend.services.operators import derive
from backend.services.outward import post
from backend.services.webhooks import unsubscribe_token
from backend.store import webhooks
from backend.store.tables.mturk import MTurkEvent, MTurkHitType
from piecework.domain.errors import PieceworkError

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 12
FIRST_PAUSE = timedelta(seconds=2)
_QUEUE = re.compile(r"(/queue/[a-z0-9-]+)?/[0-9]{12}/[A-Za-z0-9_-]{1,80}(\.fifo)?")
_DUE = (
    select(MTurkEvent, MTurkHitType.requester)
    .outerjoin(MTurkHitType, col(MTurkHitType.id) == col(MTurkEvent.hit_type))
    .where(col(MTurkEvent.due_at) <= bindparam("now"))
    .where(func.coalesce(col(MTurkHitType.requester), "").not_in(bindparam("but", expanding=True)))
    .order_by(col(MTurkEvent.due_at))
    .limit(bindparam("most"))
)


class Undelivered(PieceworkError):
    """An event that didn't arrive; it is tried again."""


class Deliveries:
    """Sends what is due; what doesn't arrive is tried again later and later, for about two hours, and then given up."""

    def __init__(self, service: MTurk) -> None:
        self._service = service
        self._lanes = Lanes("mturk-events", self._due, lambda row: str(row.requester or ""), lambda row: int(row.number), self._carry)

    def look(self) -> None:
        """Begins with what is due, and waits for none of it."""
        self._lanes.begin()

    def close(self) -> None:
        """Begins with nothing more."""
        self._lanes.close()

    def _due(self, but: Collection[str], most: int) -> Sequence[Row[Any]]:
        with self._service.store.read() as connection:
            return connection.execute(_DUE, {"now": self._service.clock(), "but": list(but), "most": most}).all()

    def _carry(self, row: Row[Any]) -> None:
        try:
            _send(self._service, row)
        except PieceworkError as error:
            _put_off(self._service, row, self._service.clock(), error.sentence)
        else:
            mine = col(MTurkEvent.number) == row.number
            self._service.store.write_now(lambda connection: connection.execute(delete(MTurkEvent).where(mine)))


def _put_off(service: MTurk, row: Row[Any], now: datetime, why: str) -> None:
    mine = col(MTurkEvent.number) == row.number
    if row.attempts + 1 >= MOST_ATTEMPTS:
        log.warning("%s of %s was never delivered: %s", row.kind, row.hit, why)
        service.store.write_now(lambda c: c.execute(delete(MTurkEvent).where(mine)))
        return
    again = {"attempts": row.attempts + 1, "due_at": now + FIRST_PAUSE * 2**row.attempts}
    service.store.write_now(lambda c: c.execute(update(MTurkEvent).where(mine).values(**again)))


def replan(connection: Connection, now: datetime) -> None:
    """Makes due now what was planned by a clock that ran ahead and has been set back since."""
    for attempts in range(MOST_ATTEMPTS):
        latest = now + FIRST_PAUSE * 2 ** (attempts - 1) if attempts else now
        ahead = update(MTurkEvent).where(col(MTurkEvent.due_at) > latest, col(MTurkEvent.attempts) == attempts)
        connection.execute(ahead.values(due_at=now))


def _send(service: MTurk, row: Row[Any]) -> None:
    notification = json.loads(row.notification)
    transport, destination = notification["Transport"], notification["Destination"]
    text = json.dumps(document(row, notification["Version"]))
    settings = service.coordinator.settings
    if transport == "Email":
        _mail(service, row, destination)
    elif destination.startswith(("https://", "http://")) and not (transport == "SQS" and _is_queue(destination, settings.mturk_sqs)):
        _post(service, row, destination, text)
    elif transport == "SQS" and settings.mturk_sqs:
        _call("sqs", settings.mturk_sqs, "send_message", QueueUrl=destination, MessageBody=text)
    elif transport == "SNS" and settings.mturk_sns:
        _call("sns", settings.mturk_sns, "publish", TopicArn=destination, Message=text)
    else:
        raise Undelivered(f"This service carries no {transport} to {destination}; set an https address.")


def _owner(row: Row[Any]) -> str:
    """Whose event it is: of its HIT type's owner, or of whoever asked for a test."""
    return str(row.requester or json.loads(row.notification).get("account", ""))


def _is_queue(destination: str, endpoint: str | None) -> bool:
    """Whether an address is a queue's and no webhook's: at the endpoint that the service knows, or with a path as all queues have it."""
    if not endpoint:
        return False
    address = urlsplit(destination)
    return address.netloc == urlsplit(endpoint).netloc or _QUEUE.fullmatch(address.path) is not None


def document(row: Row[Any], version: str) -> dict[str, Any]:
    """What the owner reads. Source: the developer guide's article on notifications."""
    event = {
        "EventType": row.kind,
        "EventTimestamp": f"{row.at:%Y-%m-%dT%H:%M:%SZ}",
        "HITTypeId": row.hit_type,
        "HITId": row.hit,
    } | ({"AssignmentId": row.assignment} if row.assignment else {})
    customer = worker_id(row.requester) if row.requester else "TEST"
    return {
        "EventDocVersion": version,
        "EventDocId": derived_id("event", str(row.number), row.at.isoformat()),
        "CustomerId": customer,
        "Events": [event],
    }


def _post(service: MTurk, row: Row[Any], url: str, text: str) -> None:
    document_id = json.loads(text)["EventDocId"]
    envelope = {
        "Type": "Notification",
        "MessageId": document_id,
        "TopicArn": f"arn:piecework:mturk:{row.hit_type}",
        "Message": text,
        "Timestamp": f"{row.at:%Y-%m-%dT%H:%M:%S.000Z}",
    }
    body, at = json.dumps(envelope).encode(), int(service.clock().timestamp())
    headers = {
        "content-type": "application/json",
        "webhook-id": document_id,
        "webhook-timestamp": str(at),
        "webhook-signature": signature(secret(service, _owner(row)), document_id, at, body),
    }
    status = post(url, body, headers, service.coordinator.settings.webhooks_anywhere)
    if not 200 <= status < 300:
        raise Undelivered(f"{url} answered {status}.")


def _mail(service: MTurk, row: Row[Any], destination: str) -> None:
    mailer, key = service.coordinator.mailer, service.coordinator.service_key
    with service.store.read() as connection:
        hook = mail_hook(connection, _owner(row), destination)
    if not mailer.sends or hook is None:
        raise Undelivered(f"This service carries no Email to {destination}: it has no mail server, or the address isn't confirmed.")
    said = document(row, json.loads(row.notification)["Version"])
    facts = {name: value for name, value in {**said["Events"][0], "EventDocId": said["EventDocId"]}.items() if value}
    stop = f"{mailer.url}/unsubscribe/{hook}/{unsubscribe_token(key, hook)}"
    text = "\n".join(f"{name}: {value}" for name, value in facts.items()) + f"\n\n{mailer.url}\n\nNo more of this: {stop}\n"
    mailer.send(Letter(destination, f"Piecework: {row.kind}", text, f"{said['EventDocId']}.{row.number}", stop, row.at))


def mail_hook(connection: Connection, account: str, address: str) -> str | None:
    """The webhook by which an account has confirmed a mail address; None if it hasn't."""
    wanted = SCHEME + address
    return next((row.id for row in webhooks.of(connection, account) if row.url == wanted and row.wrong_codes is None), None)


def secret(service: MTurk, requester: str) -> str:
    """What a requester's notifications are signed with, in the form of Standard Webhooks; GET /v1/mturk-keys/webhook-secret tells it."""
    return "whsec_" + base64.b64encode(derive(service.coordinator.service_key, f"mturk webhooks {requester}", 24)).decode()


@cache
def _client(kind: str, endpoint: str) -> Any:
    """Made once: botocore reads its models from disk for each."""
    return botocore.session.get_session().create_client(kind, region_name="us-east-1", endpoint_url=endpoint)


def _call(kind: str, endpoint: str, operation: str, **given: str) -> None:
    try:
        getattr(_client(kind, endpoint), operation)(**given)
    except (BotoCoreError, ClientError) as error:
        raise Undelivered(f"{kind.upper()} refused: {error}.") from error
