"""Where a HIT type's events go, and a test of that."""

from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection

from backend.mturk import events, hits
from backend.mturk.calls import Answer, Call
from backend.mturk.deliveries import mail_hook
from backend.mturk.errors import RequestError, invalid
from backend.mturk.service import MTurk

VERSIONS = ("2006-05-05", "2014-08-15")
_ADDRESSES = {"SQS": ("https", "http"), "SNS": ("arn", "https", "http")}


async def update_notification_settings(service: MTurk, call: Call) -> Answer:
    """Sets where a HIT type's events go, or switches that on or off."""
    notification, active = call.given.get("Notification"), call.given.get("Active")
    if notification is None and active is None:
        raise invalid("Give a Notification, or say whether it is Active.")
    if notification is not None:
        check(notification)

    def work(connection: Connection) -> Answer:
        hit_type = hits.hit_type(connection, call.requester, call.given["HITTypeId"])
        kept = hits.notification(hit_type)
        wanted = notification if notification is not None else kept and kept["notification"]
        if notification is not None:
            _check_mail(service, connection, call.requester, notification)
        if wanted is None:
            raise RequestError("InvalidParameterValue", "This HIT type has no notification that could be switched on.")
        hits.set_notification(connection, hit_type.id, {"notification": wanted, "active": active is not False})
        return {}

    return await call.change(service.store, work)


async def send_test_event(service: MTurk, call: Call) -> Answer:
    """Sends one event of a kind, subscribed or not."""
    notification, kind = call.given["Notification"], call.given["TestEventType"]
    check(notification)

    def work(connection: Connection) -> Answer:
        _check_mail(service, connection, call.requester, notification)
        events.test(connection, call.requester, kind, notification, call.now)
        return {}

    return await call.change(service.store, work)


def check(notification: dict[str, Any]) -> None:
    """Refuses a notification that could not be delivered.

    Raises:
        RequestError: its version is unknown, or its transport and destination don't go together.
    """
    if notification["Version"] not in VERSIONS:
        raise invalid(f"Version is {' or '.join(VERSIONS)}, not {notification['Version'][:40]}.")
    transport, destination = notification["Transport"], notification["Destination"]
    if transport == "Email":
        if "@" not in destination:
            raise RequestError("InvalidTransportEndpoint", "Destination is an e-mail address.")
    elif urlsplit(destination).scheme not in _ADDRESSES[transport]:
        raise RequestError("InvalidTransportEndpoint", f"Destination of {transport} begins with {' or '.join(_ADDRESSES[transport])}.")


def _check_mail(service: MTurk, connection: Connection, requester: str, notification: dict[str, Any]) -> None:
    """Refuses an address that the requester hasn't confirmed, where there is a mail server: nobody is written to unasked."""
    address = notification["Destination"]
    if notification["Transport"] != "Email" or not service.coordinator.mailer.sends or mail_hook(connection, requester, address):
        return
    raise RequestError("InvalidTransportEndpoint", f"Confirm {address[:100]} first, on the marketplace's /settings or by POST /v1/webhooks.")


OPERATIONS = {
    "UpdateNotificationSettings": update_notification_settings,
    "SendTestEventNotification": send_test_event,
}
