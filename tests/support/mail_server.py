"""`python -m tests.support.mail_server PORT FOLDER`: a mail server that takes letters from who signs in, and puts them into a maildir."""

import signal
import sys
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import AuthResult, LoginPassword

USER, PASSWORD = "piecework", "secret"


def may(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
    """Whether somebody may send."""
    known = isinstance(given, LoginPassword) and (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known)


if __name__ == "__main__":
    port, folder = sys.argv[1:]
    server = Controller(
        Mailbox(folder), hostname="127.0.0.1", port=int(port), authenticator=may, auth_required=True, auth_require_tls=False
    )
    server.start()
    signal.sigwait({signal.SIGTERM})
    server.stop()
