"""`python -m tests.support.mail_server PORT FOLDER [tls|starttls CERTIFICATE]`: a mail server that takes letters from who signs in, and
puts them into a maildir; who tried to sign in stands in FOLDER.tried, a line each."""

import signal
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import AuthResult, LoginPassword

USER, PASSWORD = "piecework", "secret"


def gatekeeper(tried: Path) -> Callable[..., AuthResult]:
    """Says whether somebody may send, and writes down that it was asked."""

    def may(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        with tried.open("a") as file:
            file.write(f"{mechanism}\n")
        known = isinstance(given, LoginPassword) and (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=known)

    return may


def protected(security: str, certificate: str = "") -> dict[str, Any]:
    """How the server protects its connections; in clear text it lets sign in, too."""
    if security == "none":
        return {"auth_require_tls": False}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if security == "tls":
        return {"ssl_context": context, "auth_require_tls": False}  # it would want STARTTLS inside of TLS
    return {"tls_context": context, "require_starttls": True, "auth_require_tls": True}


if __name__ == "__main__":
    port, folder, *how = sys.argv[1:]
    server = Controller(
        Mailbox(folder),
        hostname="127.0.0.1",
        port=int(port),
        authenticator=gatekeeper(Path(f"{folder}.tried")),
        auth_required=True,
        **protected(*(how or ["none"])),
    )
    server.start()
    signal.sigwait({signal.SIGTERM})
    server.stop()
