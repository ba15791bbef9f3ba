"""Sign-In with Ethereum (EIP-4361): a nonce that is used once, and bearer tokens of which only hashes are kept."""

import hashlib
import secrets
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from eth_account.messages import defunct_hash_message
from sqlalchemy import Connection, Row, bindparam, delete, insert, select
from sqlmodel import col

from backend.services.signatures import signed_by
from backend.store.database import Store
from backend.store.tables import AccountPreference, AccountSession, SiweNonce
from piecework.chain.rpc import Rpc
from piecework.domain.errors import Forbidden, Invalid, NotFound

with warnings.catch_warnings():  # of siwe's own making: a deprecated import, and rules that its grammar defines twice
    warnings.simplefilter("ignore")
    from siwe import SiweMessage

CACHE_SECONDS = 5
"""How long another process may go on honouring a token that was signed out here."""
CACHED = 10_000
SKEW = timedelta(minutes=5)
LONGEST_MESSAGE = 2_000
"""Characters; a sign-in message has a few hundred."""
STATEMENT = "Sign in to Piecework. This costs nothing and moves no money."

_SESSION = select(AccountSession.account, AccountSession.expires_at).where(
    col(AccountSession.token_hash) == bindparam("token_hash")
)
_SIGN_OUT = delete(AccountSession).where(col(AccountSession.token_hash) == bindparam("token_hash"))
_OF = (
    select(AccountSession.token_hash, AccountSession.created_at, AccountSession.expires_at, AccountSession.user_agent)
    .where(col(AccountSession.account) == bindparam("account"), col(AccountSession.expires_at) > bindparam("now"))
    .order_by(col(AccountSession.created_at).desc(), col(AccountSession.token_hash))
    .limit(100)
)
_REVOKE = delete(AccountSession).where(
    col(AccountSession.account) == bindparam("owner"), col(AccountSession.token_hash).like(bindparam("begin"))
)
_REVOKE_OTHERS = delete(AccountSession).where(
    col(AccountSession.account) == bindparam("owner"), col(AccountSession.token_hash) != bindparam("kept")
)
_USE_NONCE = delete(SiweNonce).where(
    col(SiweNonce.nonce) == bindparam("given"), col(SiweNonce.expires_at) > bindparam("now")
)
_PAYOUT = select(AccountPreference.payout).where(col(AccountPreference.account) == bindparam("account"))
_FORGET = delete(AccountPreference).where(col(AccountPreference.account) == bindparam("account"))


class NoSession(Forbidden):
    """Nobody is signed in: no token, or one that isn't valid any more."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a sign-in message must say."""

    nonce: str
    domain: str
    uri: str
    chain_id: int
    statement: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in account, lower-case hex."""

    account: str
    expires_at: datetime
    scopes: frozenset[str] | None = None
    """What an API key may do; None for a session, which may do everything."""


class Sessions:
    """Signs accounts in and out.

    Args:
        store: where nonces and token hashes are kept.
        rpc: asked about contract accounts' signatures.
        chain_id, uri: what a message must be bound to; its domain is the URI's host and port.
        clock: the time, aware.
        session_seconds, nonce_seconds: how long a session and a sign-in last.
    """

    def __init__(
        self,
        store: Store,
        rpc: Rpc,
        chain_id: int,
        uri: str,
        clock: Callable[[], datetime],
        session_seconds: int,
        nonce_seconds: int,
    ) -> None:
        self._store, self._rpc, self._clock = store, rpc, clock
        self.chain_id, self.uri, self.domain = chain_id, uri, uri.partition("://")[2].rstrip("/")
        self._session_seconds, self._nonce_seconds = session_seconds, nonce_seconds
        self._cache: dict[str, tuple[Session, datetime]] = {}

    async def challenge(self) -> Challenge:
        """Begins a sign-in with a fresh nonce."""
        now = self._clock()
        until = now + timedelta(seconds=self._nonce_seconds)
        nonce = secrets.token_hex(12)
        await self._store.write(lambda c: c.execute(insert(SiweNonce), {"nonce": nonce, "expires_at": until}))
        return Challenge(nonce, self.domain, self.uri, self.chain_id, STATEMENT, now, until)

    def verify(self, text: str, signature: bytes) -> tuple[str, str]:
        """The account that signed the message and its nonce. Slow (milliseconds): call it in a thread.

        Raises:
            Invalid: not a sign-in message, or one for another site or chain, or out of its time, or not so signed.
        """
        message = _parse(text)
        if message.domain != self.domain or message.uri.rstrip("/") != self.uri.rstrip("/"):
            raise Invalid(f"The message signs in to {message.domain} ({message.uri}), but this is {self.domain} ({self.uri}).")
        if message.chain_id != self.chain_id:
            raise Invalid(f"The message is for chain {message.chain_id}, but this marketplace is on chain {self.chain_id}.")
        self._check_times(message)
        account = message.address.lower()
        if not signed_by(self._rpc, account, bytes(defunct_hash_message(text=text)), signature):
            raise Invalid(f"The signature is not that of {message.address} over this message.")
        return account, message.nonce

    async def sign_in(self, account: str, nonce: str, user_agent: str | None = None) -> tuple[str, Session]:
        """Uses the nonce up and opens a session; returns its token, which is kept nowhere.

        Raises:
            Invalid: the nonce is unknown, used or too old.
        """
        now, token = self._clock(), secrets.token_urlsafe(32)
        session = Session(account, now + timedelta(seconds=self._session_seconds))

        def work(connection: Connection) -> None:
            if not connection.execute(_USE_NONCE, {"given": nonce, "now": now}).rowcount:
                raise Invalid("The nonce is unknown, used or too old; ask for a new one and sign again.")
            row = {"token_hash": hash_of(token), "created_at": now, "account": account, "expires_at": session.expires_at}
            connection.execute(insert(AccountSession), row | {"user_agent": user_agent and user_agent[:200]})

        await self._store.write(work)
        return token, session

    def session(self, token: str | None) -> Session:
        """The session of a bearer token.

        Raises:
            NoSession: there is none.
        """
        if not token:
            raise NoSession("Sign in first: this needs a session.")
        now, token_hash = self._clock(), hash_of(token)
        session = self._cached(token_hash, now) or self._look_up(token_hash, now)
        if session is None or session.expires_at <= now:
            raise NoSession("The session is unknown or over; sign in again.")
        return session

    async def sign_out(self, token: str | None) -> None:
        """Ends a session at once."""
        self.session(token)
        token_hash = hash_of(token or "")
        await self._store.write(lambda c: c.execute(_SIGN_OUT, {"token_hash": token_hash}))
        self._cache.pop(token_hash, None)

    def mine(self, account: str) -> Sequence[Row[Any]]:
        """The account's sessions that aren't over, newest first."""
        with self._store.read() as connection:
            return connection.execute(_OF, {"account": account, "now": self._clock()}).all()

    async def revoke(self, account: str, id: str) -> None:
        """Ends one session of the account: at once in this process, within CACHE_SECONDS in others.

        Raises:
            NotFound: it has no such session.
        """

        def work(connection: Connection) -> None:
            if not connection.execute(_REVOKE, {"owner": account, "begin": id + "%"}).rowcount:
                raise NotFound("You have no such session.")

        await self._store.write(work)
        self._cache.clear()

    async def revoke_others(self, account: str, token: str | None) -> None:
        """Ends all sessions of the account but this one."""
        kept = hash_of(token or "")
        await self._store.write(lambda c: c.execute(_REVOKE_OTHERS, {"owner": account, "kept": kept}))
        self._cache.clear()

    def payout(self, account: str) -> str:
        """How the account wants settlements: wallet or ledger."""
        with self._store.read() as connection:
            return connection.execute(_PAYOUT, {"account": account}).scalar() or "wallet"

    async def choose_payout(self, account: str, payout: str) -> None:
        """Keeps how the account wants settlements from now on."""

        def work(connection: Connection) -> None:
            connection.execute(_FORGET, {"account": account})
            connection.execute(insert(AccountPreference), {"account": account, "payout": payout})

        await self._store.write(work)

    def _check_times(self, message: SiweMessage) -> None:
        now = self._clock()
        if message.expiration_time is not None and message.expiration_time._datetime <= now:
            raise Invalid("The message has expired; sign a new one.")
        begins = [message.issued_at, message.not_before]
        if any(begin is not None and begin._datetime > now + SKEW for begin in begins):
            raise Invalid("The message is not valid yet; check the clock and sign a new one.")

    def _cached(self, token_hash: str, now: datetime) -> Session | None:
        entry = self._cache.get(token_hash)
        return entry[0] if entry is not None and entry[1] > now else None

    def _look_up(self, token_hash: str, now: datetime) -> Session | None:
        with self._store.read() as connection:
            row = connection.execute(_SESSION, {"token_hash": token_hash}).one_or_none()
        if row is None:
            self._cache.pop(token_hash, None)
            return None
        if len(self._cache) >= CACHED:
            self._cache.clear()
        session = Session(row.account, row.expires_at)
        self._cache[token_hash] = session, now + timedelta(seconds=CACHE_SECONDS)
        return session


def forget_old(connection: Connection, now: datetime) -> None:
    """Drops nonces and sessions that are over."""
    connection.execute(delete(SiweNonce).where(col(SiweNonce.expires_at) <= now))
    connection.execute(delete(AccountSession).where(col(AccountSession.expires_at) <= now))


def _parse(text: str) -> SiweMessage:
    if len(text) > LONGEST_MESSAGE:
        raise Invalid(f"A sign-in message has at most {LONGEST_MESSAGE} characters.")
    try:
        # The grammar takes 40 ms a message and the expression one; what it reads is written again below and compared.
        message = SiweMessage.from_message(text, abnf=False)
        as_written = message.prepare_message() == text
        times = [at._datetime for at in (message.issued_at, message.expiration_time, message.not_before) if at]
    except (ValueError, AttributeError):  # AttributeError: siwe reads a field that the grammar left out
        raise Invalid("This is not a Sign-In with Ethereum message (EIP-4361).") from None
    if not as_written or any(at.tzinfo is None for at in times):
        raise Invalid("This is not a Sign-In with Ethereum message (EIP-4361) in its canonical form.")
    return message


def hash_of(token: str) -> str:
    """What is kept of a token."""
    return "0x" + hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
