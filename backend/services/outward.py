"""Requests to addresses that users have named: never into our own network, never redirected, never for long.

The name is resolved once, every address of it is looked at, and the connection goes to one that was looked at: a name that
resolves to something else a moment later changes nothing.
"""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import urllib3

from piecework.domain.errors import Invalid, Unavailable

TIMEOUT_SECONDS = 10
MOST_READ = 1_024
LONGEST_URL = 2_000
_DISGUISES = tuple(ipaddress.ip_network(network) for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
"""IPv6 networks whose addresses carry an IPv4 address somewhere else."""


def check_url(url: str, anywhere: bool) -> tuple[str, str, int, str]:
    """Scheme, host, port and path with query.

    Raises:
        Invalid: not such an address, or one that isn't allowed.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Invalid("The url can't be read; say https://host/path.") from None
    if len(url) > LONGEST_URL or not host or not url.isascii() or not url.isprintable() or " " in url:
        raise Invalid(f"The url must be https://host/path, of at most {LONGEST_URL} plain characters.")
    if parts.scheme != "https" and not (anywhere and parts.scheme == "http"):
        raise Invalid("The url must begin with https://.")
    if parts.username is not None or parts.fragment:
        raise Invalid("The url must have neither a user's name nor a fragment.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path


def is_public(address: str) -> bool:
    """Whether an address is everybody's to reach: not private, loopback, link-local, multicast, reserved, or one of those in disguise."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if any(ip in network for network in _DISGUISES):
            return False
    return ip.is_global and not ip.is_multicast


def resolve(host: str, port: int, anywhere: bool) -> str:
    """The address to connect to.

    Raises:
        Unavailable: the name has none.
        Invalid: one of its addresses isn't allowed.
    """
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise Unavailable(f"The name {host} can't be resolved.") from None
    if not anywhere and not all(map(is_public, found)):
        raise Invalid(f"{host} is an address within a private network; only public ones are posted to.")
    return found[0]


def post(url: str, body: bytes, headers: dict[str, str], anywhere: bool) -> int:
    """Posts and returns the HTTP status; what is answered isn't used.

    Raises:
        Invalid: the address isn't allowed.
        Unavailable: nobody answers there in time.
    """
    with _asked("POST", url, body, headers, anywhere) as answer:
        answer.read(MOST_READ)
        return answer.status


def get(url: str, most: int, anywhere: bool) -> bytes:
    """What lies at an address, of at most so many bytes.

    Raises:
        Invalid: the address isn't allowed.
        Unavailable: nobody answers there in time, or not with it, or it is larger.
    """
    with _asked("GET", url, b"", {}, anywhere) as answer:
        data = answer.read(most + 1)
        if answer.status != 200 or len(data) > most:
            raise Unavailable(f"The answer is HTTP {answer.status}, of {'more than ' if len(data) > most else ''}{min(len(data), most)} bytes.")
        return data


@contextmanager
def _asked(method: str, url: str, body: bytes, headers: dict[str, str], anywhere: bool) -> Iterator[urllib3.BaseHTTPResponse]:
    """The answer to a request, while its connection is open."""
    scheme, host, port, path = check_url(url, anywhere)
    address = resolve(host, port, anywhere)
    timeout = urllib3.Timeout(total=TIMEOUT_SECONDS)
    headers = headers | {"host": host if port in (80, 443) else f"{host}:{port}"}
    pool: urllib3.HTTPConnectionPool
    if scheme == "https":
        pool = urllib3.HTTPSConnectionPool(address, port, timeout=timeout, server_hostname=host, assert_hostname=host)
    else:
        pool = urllib3.HTTPConnectionPool(address, port, timeout=timeout)
    try:
        with pool:
            answer = pool.urlopen(method, path, body or None, headers, retries=False, redirect=False, preload_content=False)
            try:
                yield answer
            finally:
                answer.close()
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(f"No answer: {type(error).__name__}.") from error
