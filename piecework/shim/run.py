"""One command in an environment of its own, in which Amazon's address leads to a marketplace."""

import asyncio
import os
import signal
import ssl
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from piecework.domain.errors import NotFound
from piecework.shim.authority import make_authority
from piecework.shim.proxy import HOSTS, Proxy

BUNDLES = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
"""Where programs look for the authorities that they trust."""
PROXIES = ("HTTPS_PROXY", "https_proxy")


async def run_redirected(
    command: Sequence[str], market: str, credentials: Mapping[str, str], environment: Mapping[str, str]
) -> int:
    """Runs a command to its end; nothing outside of its environment is changed.

    Args:
        command: the program and its arguments.
        market: the marketplace's URL.
        credentials: AWS_… variables of the access key; set in the environment unless it has them.
        environment: what the command gets besides.

    Returns:
        Its exit code; 128 + n where signal n ended it.

    Raises:
        NotFound: there is no such program.
    """
    with tempfile.TemporaryDirectory(prefix="piecework-run-") as name:
        folder = Path(name)
        context, trusted = make_authority(folder, HOSTS)
        async with Proxy(market, context) as proxy:
            changed = {**credentials, **environment, **_environment(proxy.url, _bundle(folder, trusted))}
            return await _run(command, changed)


def _environment(proxy: str, bundle: Path) -> dict[str, str]:
    return {name: proxy for name in PROXIES} | {name: str(bundle) for name in BUNDLES}


def _bundle(folder: Path, trusted: Path) -> Path:
    """Our authority beside all those that the system trusts, since other hosts are reached through the proxy too."""
    bundle = folder / "bundle.pem"
    paths = ssl.get_default_verify_paths()
    system = next((Path(path) for path in (paths.cafile, "/etc/ssl/certs/ca-certificates.crt") if path and Path(path).is_file()), None)
    bundle.write_bytes((system.read_bytes() + b"\n" if system else b"") + trusted.read_bytes())
    return bundle


async def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    try:
        child = await asyncio.create_subprocess_exec(*command, env=dict(environment))
    except (FileNotFoundError, PermissionError) as error:
        raise NotFound(f"{command[0]} can't be run: {error.strerror}.") from None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, child.send_signal, number)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # the terminal sends Ctrl-C to the child too, and the child decides
    code = await child.wait()
    return code if code >= 0 else 128 - code


def own_environment() -> dict[str, str]:
    """The environment of this process, for the child."""
    return dict(os.environ)
