"""Letters by SMTP: one connection each, at an address that its owner has confirmed. Without a server nothing is sent and none is taken."""

import re
import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from backend.services.wording import dated, said
from backend.settings import Settings
from piecework.domain.errors import Invalid, Unavailable

TIMEOUT_SECONDS = 10
SCHEME = "mailto:"
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}", re.ASCII)
"""Narrower than RFC 5321: no quotes, no comments, nothing that a URL or a header would read otherwise."""
_OF_LETTERS = {
    "confirm": "Somebody, you we hope, wants notices of a Piecework account sent to this address. The code that confirms it: {code}",
    "ping": "This is a trial of your own.",
}
"""What letters say that aren't notices."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent."""

    to: str
    title: str
    text: str
    message_id: str
    unsubscribe: str
    """An address that takes a POST without a word more (RFC 8058)."""
    at: datetime


class Mailer:
    """Sends letters.

    Args:
        settings: the server, and who we are there.
        url: the marketplace's own address.
    """

    def __init__(self, settings: Settings, url: str) -> None:
        self._s, self.url = settings, url.rstrip("/")

    @property
    def sends(self) -> bool:
        """Whether there is a server to send by."""
        return self._s.smtp_host is not None

    def check(self, address: str) -> None:
        """Refuses what can't be written to.

        Raises:
            Invalid: no such address, or no server to send by.
        """
        if not self.sends:
            raise Invalid("This marketplace sends no mail; its operator would have to name a server (PIECEWORK_SMTP_HOST).")
        if len(address) > 254 or ".." in address or not _ADDRESS.fullmatch(address):
            raise Invalid("That is no mail address that is written to: name@example.org.")

    def send(self, letter: Letter) -> None:
        """Hands a letter to the server.

        Raises:
            Unavailable: it doesn't take it now, in its words.
        """
        try:
            with self._connect() as server:
                server.send_message(self._message(letter), self._s.smtp_from, [letter.to])
        except (smtplib.SMTPException, OSError) as error:
            raise Unavailable(f"The mail server didn't take it: {error}.") from error

    def _connect(self) -> smtplib.SMTP:
        s, context = self._s, ssl.create_default_context()
        assert s.smtp_host is not None
        if s.smtp_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(s.smtp_host, s.smtp_port, timeout=TIMEOUT_SECONDS, context=context)
        else:
            server = smtplib.SMTP(s.smtp_host, s.smtp_port, timeout=TIMEOUT_SECONDS)
        try:
            if s.smtp_security == "starttls":
                server.starttls(context=context)
            if s.smtp_user:
                server.login(s.smtp_user, s.smtp_password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        message["From"] = Address("Piecework", addr_spec=self._s.smtp_from)
        message["To"] = Address(addr_spec=letter.to)
        message["Subject"] = letter.title
        message["Date"] = format_datetime(letter.at)
        message["Message-ID"] = f"<{letter.message_id}@{self._s.smtp_from.partition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message["List-Unsubscribe"] = f"<{letter.unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(letter.text)
        return message


def written(kind: str, subject: dict[str, Any], url: str, unsubscribe: str) -> tuple[str, str]:
    """Title and text of a notice. What others wrote stands in the text alone, never in the title."""
    sentence = _OF_LETTERS[kind].format_map(subject) if kind in _OF_LETTERS else said(kind, subject)
    facts = "\n".join(f"{name}: {value}" for name, value in dated(subject).items() if isinstance(value, str | int) and name != "code")
    return f"Piecework: {kind.replace('.', ' ')}", f"{sentence}\n\n{facts}\n\n{url}\n\nNo more of this: {unsubscribe}\n"
