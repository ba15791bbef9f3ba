"""The coordinator: every service over one store and one chain, and what runs beside the requests."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from backend.services.aggregator import Aggregator
from backend.services.aliases import Aliases
from backend.services.approver import Approver
from backend.services.assignments import Assignments
from backend.services.attachments import Attachments
from backend.services.attestations import Attestations
from backend.services.batches import Batches
from backend.services.blocks import Blocks
from backend.services.bonuses import Bonuses
from backend.services.bulk import Bulk
from backend.services.consensus import JobResults
from backend.services.canaries import Canaries
from backend.services.content_keys import ContentKeys
from backend.services.contester import Contester
from backend.services.courier import Courier
from backend.services.detector import Detector
from backend.services.drafts import Drafts
from backend.services.errands import Errands
from backend.services.evidence import EvidenceRoom
from backend.services.fairness import Fairness
from backend.services.findings import Findings
from backend.services.funding import Funding
from backend.services.gold import Gold
from backend.services.herald import Herald
from backend.services.holdings import WorkersFiles
from backend.services.job_drafts import JobDrafts
from backend.services.judges import Judges
from backend.services.keys import Keys, forget_over
from backend.services.lane import GWEI
from backend.services.lister import Lister
from backend.services.mail import Mailer
from backend.services.masks import Masks
from backend.services.messages import Messages
from backend.services.notices import Notices
from backend.services.operators import Operators, service_key
from backend.services.payments import Payments
from backend.services.peer_reviews import PeerReviews
from backend.services.postings import Postings
from backend.services.postman import Postman
from backend.services.qualifications import Qualifications
from backend.services.recourse import Recourse
from backend.services.reports import Reports
from backend.services.results import Results
from backend.services.reviews import Listeners, Reviews
from backend.services.routing import Router
from backend.services.rules import Rules
from backend.services.search import Search
from backend.services.sessions import Sessions, forget_old
from backend.services.settler import Settler
from backend.services.solvency import Auditor
from backend.services.steward import Steward
from backend.services.unit_loads import UnitLoads
from backend.services.wallet_funding import WalletFunding
from backend.services.watchtower import Frugality, Watchtower
from backend.services.webhooks import CONFIRM_WITHIN, Webhooks
from backend.services.withdrawals import Withdrawals
from backend.settings import Settings
from backend.store import once, webhooks
from backend.store.bucket import Bucket
from backend.store.content import Contents, Folder
from backend.store.database import Store
from piecework.chain.deployment import Deployment
from piecework.chain.failover import Failover
from piecework.domain.errors import Invalid, PieceworkError
from piecework.domain.typed_data import Key
from piecework.quality.attestation import Registry

log = logging.getLogger(__name__)

SWEEP_SECONDS, CLEAR_SECONDS = 1.0, 60.0
REPEATABLE = timedelta(hours=24)
"""How long the answer to a request with an Idempotency-Key is kept."""


def utc_now() -> datetime:
    """The clock of a running coordinator: `time.time`, as all that reads the clock of the day, so that a test can set it."""
    return datetime.fromtimestamp(time.time(), UTC)


class Coordinator:
    """Everything that the API and the pages call.

    Args:
        settings: what this process was told.
        url: where users reach it; sign-in messages are bound to it.
        clock: the time, aware.

    Raises:
        NotFound, Invalid: the deployment file, a key, or a database that is another deployment's.
    """

    def __init__(self, settings: Settings, url: str, clock: Callable[[], datetime] = utc_now) -> None:
        self.settings, self.clock = settings, clock
        self.deployment = deployment = Deployment.load(settings.deployment)
        self.key = _key("PIECEWORK_COORDINATOR_KEY", settings.coordinator_key.get_secret_value())
        self.relayer = _key("PIECEWORK_RELAYER_KEY", settings.relayer_key.get_secret_value())
        self.rpc = rpc = Failover(settings.rpc_url, 10, deployment.check)
        self.store = store = Store(settings.database_url, settings.lease_seconds)
        store.belong_to(deployment.chain_id, deployment.genesis_hash, deployment.escrow)
        self.content_keys = ContentKeys(store, self.key.secret)
        contents, domain = _contents(settings), deployment.domain
        contents.key_of = self.content_keys.of
        one_key = self.relayer.address == self.key.address
        self.settler = self._settler(self.relayer, ("relayer", "coordinator") if one_key else ("relayer",))
        self.tower_settler = self.settler if one_key else self._settler(self.key, ("coordinator",))
        self.watchtower = Watchtower(
            store,
            rpc,
            deployment,
            self.key.address,
            Frugality(settings.watch_multiple, settings.coin_price),
            settings.watch_margin_seconds,
            clock,
            self.tower_settler.wake,
            settings.watch_seconds,
            settings.finality_blocks,
        )
        self.sessions = Sessions(
            store, rpc, deployment.chain_id, url, clock, settings.session_seconds, settings.nonce_seconds
        )
        self.keys = Keys(store, clock)
        self.postings = Postings(store, contents, deployment, self.key.address, clock, settings.hourly_floor)
        self.job_drafts = JobDrafts(store, self.postings, clock)
        self.unit_loads = UnitLoads(store, contents, self.content_keys, settings.data / "incoming", clock)
        self.wallet_funding = WalletFunding(rpc, deployment)
        self.qualifications = Qualifications(store, deployment.chain_id, deployment.escrow, clock)
        self.peer_reviews = PeerReviews(store, self.postings, self.qualifications)
        self.search = Search(store, self.postings, self.qualifications, deployment.chain_id, deployment.escrow, clock)
        self.lister = Lister(store, self.postings, clock)
        self.gold, self.rules = Gold(store, self.key), Rules(store)
        registry = Registry(deployment.chain_id, settings.eas or deployment.escrow)
        self.attestations = Attestations(store, self.key, registry, clock)
        judges = Judges(rpc)
        self.assignments = Assignments(store, contents, self.postings, self.qualifications, self.gold, judges, domain, self.key, clock)
        self.attachments = Attachments(store, contents, judges, settings.data / "incoming", clock)
        self.aggregator = Aggregator(store, clock)
        self.canaries = Canaries(self.key)
        self.detector, self.findings = Detector(store, self.postings, self.canaries, clock), Findings(store, clock)
        self.router = Router(store, contents, self.postings, settings.webhooks_anywhere, clock)
        trustees = frozenset(one.strip().lower() for one in settings.trustees.split(",") if one.strip())
        self.fairness = Fairness(store, deployment.chain_id, deployment.escrow, trustees, clock)
        self.consensus = JobResults(store, self.key)
        self.drafts = Drafts(store, clock)
        self.reports = Reports(store, self.postings)
        self.verdict_listeners: Listeners = []
        self.reviews = Reviews(store, clock, self.verdict_listeners)
        self.bulk = Bulk(store, clock, self.verdict_listeners)
        self.results = Results(store, contents)
        self.masks = Masks(self.results, self.postings, self.key, url)
        frugality = Frugality(settings.watch_multiple, settings.coin_price)
        self.funding = Funding(store, rpc, deployment, self.relayer.address, frugality, clock, self.settler.wake)
        self.batches = Batches(store, self.postings, rpc, domain, self.key, clock, self.settler.wake)
        self.withdrawals = Withdrawals(store, rpc, domain, clock, self.settler.wake)
        self.service_key = service_key(self.key.secret)
        self.operators = Operators(store, rpc, domain, deployment.token, self.service_key, clock, self.settler.wake)
        self.errands = Errands(store, rpc, deployment, self.operators, settings, clock, self.settler.wake)
        self.approver = Approver(
            store, self.postings, self.batches, self.operators, settings.batch_slots, settings.batch_seconds, clock
        )
        self.steward = Steward(store, self.operators, clock, deployment.devnet, settings.finality_blocks, self.verdict_listeners)
        self.contester = Contester(store, clock, self.errands.wake)
        self.payments = Payments(store, rpc, deployment.escrow, deployment.token)
        self.auditor = Auditor(store, rpc, deployment.escrow, deployment.token, settings.finality_blocks)
        self.evidence = EvidenceRoom(store, judges, clock)
        self.recourse = Recourse(store, rpc, deployment, settings.push_gas, clock)
        self.files = WorkersFiles(store, domain, clock)
        self.aliases = Aliases(self.key.secret)
        self.blocks = Blocks(store, self.aliases, clock)
        self.messages = Messages(store, self.postings, self.aliases, clock)
        self.bonuses = Bonuses(store, deployment, self.operators, clock, self.errands.wake)
        self.postman = Postman(store, deployment.token, settings.finality_blocks, clock)
        self.herald = Herald(store, deployment.token, settings.herald_seconds, settings.remind_seconds, clock)
        self.mailer = Mailer(settings, url)
        self.courier = Courier(store, settings.webhooks_anywhere, settings.webhook_hours, self.mailer, self.service_key, clock)
        self.webhooks = Webhooks(store, settings.webhooks_anywhere, self.mailer, self.service_key, clock)
        self.notices = Notices(store)
        self._sweeping: asyncio.Task[None] | None = None

    def _settler(self, key: Key, lanes: tuple[str, ...]) -> Settler:
        s = self.settings
        return Settler(
            *(self.store, self.rpc, self.deployment, key, s.push_gas, s.settle_gas, s.finality_blocks, self.clock, lanes),
            most_fee=int(s.max_fee_gwei * GWEI),
            bump_seconds=s.bump_seconds,
        )

    def start(self) -> None:
        """Begins to carry settlements, to approve as an operator, and to take back what has expired; call it on the loop that serves."""
        self.settler.start()
        self.errands.start()
        if self.settings.watchtower:
            if self.tower_settler is not self.settler:
                self.tower_settler.start()
            self.watchtower.start()
        self.approver.start()
        self.postman.start()
        self.herald.start()
        self.courier.start()
        self.steward.start()
        self.contester.start()
        self.lister.start()
        self.aggregator.start()
        self.detector.start()
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep())

    async def stop(self) -> None:
        """Ends all that and lets the database go; what was acknowledged is kept."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeping
        await self.approver.stop()
        await asyncio.to_thread(self.courier.stop)
        await asyncio.to_thread(self.postman.stop)
        await asyncio.to_thread(self.herald.stop)
        await asyncio.to_thread(self.steward.stop)
        await asyncio.to_thread(self.contester.stop)
        await asyncio.to_thread(self.lister.stop)
        await asyncio.to_thread(self.aggregator.stop)
        await asyncio.to_thread(self.detector.stop)
        await asyncio.to_thread(self.errands.stop)
        await asyncio.to_thread(self.watchtower.stop)
        for settler in {self.settler, self.tower_settler}:
            await asyncio.to_thread(settler.stop)
        await asyncio.to_thread(self.unit_loads.stop)
        await asyncio.to_thread(self.store.close)

    def _forget(self, connection: Connection) -> None:
        now = self.clock()
        forget_old(connection, now)
        forget_over(connection, now)
        webhooks.forget_unconfirmed(connection, now - CONFIRM_WITHIN)
        once.forget_before(connection, now - REPEATABLE)

    async def _sweep(self) -> None:
        cleared = float("-inf")
        while True:
            try:
                while await self.assignments.expire():
                    pass
                await self.store.write(self._forget)
                await asyncio.to_thread(self.unit_loads.sweep)
                if time.monotonic() - cleared >= CLEAR_SECONDS:
                    await self.assignments.redate()
                    await asyncio.to_thread(self.attachments.sweep)
                    cleared = time.monotonic()
            except PieceworkError as error:
                log.warning("expired reservations wait: %s", error)
            await asyncio.sleep(SWEEP_SECONDS)


def _contents(settings: Settings) -> Contents:
    return Contents(Folder(settings.data / "content") if settings.content_url is None else Bucket(settings.content_url))


def _key(name: str, secret: str) -> Key:
    try:
        return Key(secret)
    except (ValueError, TypeError):
        raise Invalid(f"{name} is not a private key: it needs 32 bytes as 0x hex.") from None
