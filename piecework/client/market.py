"""One marketplace's HTTP API, and signing in to it with a key."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
from eth_account.messages import encode_defunct
from eth_utils.address import to_checksum_address

from piecework.domain.errors import PieceworkError, Unavailable
from piecework.domain.keccak import keccak256
from piecework.domain.terms import Terms
from piecework.domain.typed_data import Domain, Key
from piecework.domain.units import NATIVE

_PARAGRAPH = re.compile(rb"<p>([^<]{1,2000})</p>")
"""What a page for people says, where a form was sent."""
RETRIES = 6
"""How often a request is sent again when nothing answered: every call of the API may be repeated without harm."""


class MarketError(PieceworkError):
    """The marketplace refused; `status` is HTTP's, the sentence is its own."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in account: its key and the token that speaks for it."""

    key: Key
    token: str


class Market:
    """A connection to one marketplace; use it as an async context manager.

    Args:
        url: where it is, without a path.
        connections: requests under way at once.
    """

    def __init__(self, url: str, connections: int = 32) -> None:
        self.url = url.rstrip("/")
        self._connections = connections
        self._http: aiohttp.ClientSession | None = None
        self.info: dict[str, Any] = {}

    async def __aenter__(self) -> "Market":
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections),
            timeout=aiohttp.ClientTimeout(total=120),
            json_serialize=lambda value: msgspec.json.encode(value).decode(),
        )
        try:
            self.info = await self.get("/v1/info")
        except BaseException:
            await self._http.close()
            raise
        return self

    async def __aexit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._http
        await self._http.close()

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain of the marketplace's escrow."""
        return Domain(self.info["chain_id"], self.info["escrow"])

    async def get(self, path: str, session: Session | None = None, **query: Any) -> Any:
        """A GET; query parameters that are None are left out."""
        return await self.request("GET", path, session, params={k: str(v) for k, v in query.items() if v is not None})

    async def post(self, path: str, body: Any, session: Session | None = None) -> Any:
        return await self.request("POST", path, session, json=body)

    async def put(self, path: str, body: Any, session: Session | None = None) -> Any:
        return await self.request("PUT", path, session, json=body)

    async def send_form(self, path: str, fields: Sequence[tuple[str, str]]) -> None:
        """A form's fields as a page sends them.

        Raises:
            MarketError: they were refused.
        """
        headers = {"content-type": "application/x-www-form-urlencoded"}
        await self.request("POST", path, parse=False, data=urlencode(fields).encode(), headers=headers)

    async def items(self, path: str, session: Session | None = None, **query: Any) -> AsyncIterator[dict[str, Any]]:
        """Every item of a list, page by page."""
        cursor = None
        while True:
            page = await self.get(path, session, cursor=cursor, limit=1000, **query)
            for item in page["items"]:
                yield item
            cursor = page["next"]
            if cursor is None:
                return

    async def request(self, method: str, path: str, session: Session | None = None, parse: bool = True, **options: Any) -> Any:
        """One call's JSON; None with `parse` off.

        Raises:
            MarketError: the marketplace refused.
            Unavailable: nothing answered, after trying again for a while.
        """
        assert self._http, "use 'async with Market(url)'"
        headers = options.pop("headers", {}) | ({"authorization": f"Bearer {session.token}"} if session else {})
        for attempt in range(RETRIES + 1):
            try:
                async with self._http.request(method, self.url + path, headers=headers, **options) as response:
                    body = await response.read()
                    if response.status < 400:
                        return msgspec.json.decode(body) if body and parse else None
                    if response.status != 503 or attempt == RETRIES:
                        raise MarketError(response.status, _sentence(response.status, body))
            except (aiohttp.ClientError, TimeoutError) as error:
                if attempt == RETRIES:
                    raise Unavailable(f"No marketplace answers at {self.url} ({error}); is it up?") from error
            await asyncio.sleep(0.1 * 2**attempt)
        raise AssertionError("unreachable")

    async def sign_in(self, key: Key) -> Session:
        """Signs in with Ethereum (EIP-4361)."""
        challenge = await self.post("/v1/session/nonce", {})
        message = _sign_in_message(key.address, challenge)
        answer = await self.post(
            "/v1/session", {"message": message, "signature": "0x" + sign_personal(key, message).hex()}
        )
        return Session(key, answer["token"])


def terms_of(job: dict[str, Any]) -> Terms:
    """A job's terms out of the API's JSON."""
    t = job["terms"]
    return Terms(
        requester=t["requester"],
        operator=t.get("operator") or NATIVE,
        token=t["token"],
        reward=int(t["reward"]),
        fee=int(t["fee"]),
        coordinator=t["coordinator"],
        arbitrator=t.get("arbitrator") or NATIVE,
        arbitrator_extra_data=bytes.fromhex((t.get("arbitrator_extra_data") or "0x")[2:]),
        contest_deposit=int(t["contest_deposit"]),
        appeal_stake=int(t["appeal_stake"]),
        closes_at=int(t["closes_at"]),
        review_window=int(t["review_window"]),
        appeal_window=int(t["appeal_window"]),
        content_hash=bytes.fromhex(t["content_hash"][2:]),
        salt=bytes.fromhex(t["salt"][2:]),
    )


def sign_personal(key: Key, text: str) -> bytes:
    """An EIP-191 personal signature of a text, as wallets make it."""
    signable = encode_defunct(text=text)
    return key.sign(keccak256(b"\x19" + signable.version + signable.header + signable.body))


def _sign_in_message(account: str, challenge: dict[str, Any]) -> str:
    def seconds(name: str) -> str:
        return datetime.fromisoformat(challenge[name]).strftime("%Y-%m-%dT%H:%M:%SZ")

    return (
        f"{challenge['domain']} wants you to sign in with your Ethereum account:\n"
        f"{to_checksum_address(account)}\n\n"
        f"{challenge['statement']}\n\n"
        f"URI: {challenge['uri']}\n"
        "Version: 1\n"
        f"Chain ID: {challenge['chain_id']}\n"
        f"Nonce: {challenge['nonce']}\n"
        f"Issued At: {seconds('issued_at')}\n"
        f"Expiration Time: {seconds('expires_at')}"
    )


def _sentence(status: int, body: bytes) -> str:
    try:
        problem = msgspec.json.decode(body)
        return str(problem["detail"])
    except (msgspec.DecodeError, KeyError, TypeError):
        said = _PARAGRAPH.search(body)
        if said:
            return unescape(said[1].decode("utf-8", "replace"))
        return f"The marketplace answered with HTTP {status} and no reason."
