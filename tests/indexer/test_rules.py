"""The indexer's pure parts, without chain or database."""

import random

import pytest

from indexer import bloom, decode, events, verify
from indexer.backoff import Backoff
from indexer.books import Change
from indexer.chain import AnswerRefused, Forked, Header, Log, Span
from indexer.handlers import handle
from indexer.prepare import prepare_database
from indexer.recall import JobTerms
from indexer.reorg import Ancestor, highest_common
from indexer.store import Store
from piecework.chain.escrow import escrow_abi
from piecework.domain.keccak import keccak256
from piecework.domain.units import NATIVE

ESCROW = "0x" + "e5" * 20
TOPICS = {name: topic for topic, name in escrow_abi().topics.items()}
OURS = {ESCROW: TOPICS.values()}


def block_hash(number: int) -> str:
    return "0x" + keccak256(b"block %d" % number).hex()


def header(number: int, *logs: Log) -> Header:
    return Header(number, block_hash(number), block_hash(number - 1), 1_000 + number, bloom.of(logs))


def log(number: int, index: int, *topics: str, data: str = "0x", address: str = ESCROW, transaction: int = 1) -> Log:
    transaction_hash = "0x" + f"{transaction:064x}"
    return Log(number, index, block_hash(number), transaction_hash, address, topics or (TOPICS["JobClosed"],), data)


def span(*logs: Log, first: int = 1, last: int = 6) -> Span:
    headers = (header(n, *(entry for entry in logs if entry.block_number == n)) for n in range(first, last + 1))
    return Span(tuple(headers), logs)


def test_headers_must_be_the_blocks_that_were_asked_for() -> None:
    blocks = [header(number) for number in range(4, 8)]
    verify.headers(blocks, 4, 7, block_hash(3))
    for wrong in (blocks[:-1], blocks[1:], blocks[::-1], [*blocks, header(8)], []):
        with pytest.raises(AnswerRefused, match="other blocks"):
            verify.headers(wrong, 4, 7, block_hash(3))


def test_headers_on_another_parent_are_a_fork_and_torn_ones_are_a_lie() -> None:
    blocks = [header(number) for number in range(4, 8)]
    with pytest.raises(Forked, match="block 4 doesn't follow block 3"):
        verify.headers(blocks, 4, 7, block_hash(2))
    torn = [*blocks[:2], Header(6, block_hash(6), block_hash(1), 0, 0), blocks[3]]
    with pytest.raises(AnswerRefused, match="block 6 isn't the child") as caught:
        verify.headers(torn, 4, 7, block_hash(3))
    assert not isinstance(caught.value, Forked)


def test_a_bloom_is_that_of_the_yellow_paper() -> None:
    """The vector of go-ethereum's core/types/bloom9_test.go, over the raw bytes of three words."""
    words = [b"testtest", b"test", b"hallo"]
    bits = 0
    for word in words:
        bits |= bloom.mask("0x" + word.hex())
    assert all(bloom.holds(bits, "0x" + word.hex()) for word in words)
    assert not any(bloom.holds(bits, "0x" + word.hex()) for word in (b"tes", b"lo"))
    assert bits.bit_count() == 9


def test_a_log_that_its_blocks_bloom_denies_is_refused() -> None:
    honest = span(log(2, 0))
    verify.logs(honest, OURS)
    denied = Span(tuple(header(number) for number in range(1, 7)), honest.logs)
    with pytest.raises(AnswerRefused, match="isn't in its block's bloom"):
        verify.logs(denied, OURS)


def test_a_bloom_that_speaks_of_a_missing_event_is_doubtful() -> None:
    posted, closed = log(2, 0, TOPICS["JobPosted"]), log(2, 1)
    whole = span(posted, closed)
    assert verify.doubtful(whole, OURS, 9) == []
    for missing in ((), (posted,), (closed,)):
        short = Span(whole.headers, missing)
        assert verify.doubtful(short, OURS, 9) == [whole.headers[1]]


def test_each_of_several_contracts_is_looked_for_by_its_own_topics() -> None:
    """Neither the other's topic at our address nor ours in a block that is only the other's is one of ours."""
    bond, bonded = "0x" + "b0" * 20, "0x" + "0b" * 32
    both = OURS | {bond: [bonded]}
    whole = span(log(2, 0, TOPICS["JobPosted"]), log(2, 1, bonded, address=bond))
    verify.logs(whole, both)
    assert verify.doubtful(whole, both, 9) == []
    assert verify.doubtful(Span(whole.headers, whole.logs[:1]), both, 9) == [whole.headers[1]]
    assert verify.doubtful(Span(whole.headers, whole.logs[:1]), OURS, 9) == []
    with pytest.raises(AnswerRefused, match="another contract's"):
        verify.logs(whole, OURS)


def test_other_peoples_logs_are_no_doubt() -> None:
    theirs = log(2, 0, TOPICS["JobPosted"], address="0x" + "77" * 20)
    assert verify.doubtful(Span(span(theirs).headers, ()), OURS, 1) == []


def test_every_young_block_with_events_is_doubtful() -> None:
    whole = span(log(2, 0), log(4, 0))
    assert verify.doubtful(whole, OURS, 3) == [whole.headers[3]]
    assert verify.doubtful(whole, OURS, 2) == [whole.headers[1], whole.headers[3]]


def test_of_every_span_some_block_with_events_is_a_sample() -> None:
    for last in range(4, 40):
        whole = span(log(2, 0), log(4, 0), last=last)
        assert verify.sample(whole).number in (2, 4)
    assert len({verify.sample(span(log(2, 0), log(4, 0), last=last)).number for last in range(4, 40)}) == 2


def test_a_whole_block_must_make_its_bloom_and_hold_what_the_range_held() -> None:
    mine, more = log(2, 0), log(2, 1, TOPICS["JobPosted"])
    theirs = log(2, 2, address="0x" + "77" * 20)
    whole = span(mine, more, theirs)
    honest = Span(whole.headers, (mine, more))
    at = whole.headers[1]
    verify.whole_block(at, [mine, more, theirs], honest, OURS)
    with pytest.raises(AnswerRefused, match="don't make its bloom"):
        verify.whole_block(at, [mine, theirs], honest, OURS)
    with pytest.raises(AnswerRefused, match="left out logs"):
        verify.whole_block(at, [mine, more, theirs], Span(whole.headers, (mine,)), OURS)


def test_a_span_comes_apart_between_blocks_and_loses_nothing() -> None:
    data = "0x" + "00" * 50
    logs = [log(number, index, data=data) for number in (1, 2, 2, 2, 5) for index in (0,)]
    whole = span(*(log(entry.block_number, at, data=data) for at, entry in enumerate(logs)), last=9)
    for weight in (1, 102, 204, 306, 10_000):
        pieces = list(whole.pieces(weight))
        assert sum((piece.headers for piece in pieces), ()) == whole.headers
        assert sum((piece.logs for piece in pieces), ()) == whole.logs
        for piece in pieces:
            numbers = {entry.block_number for entry in piece.logs}
            assert numbers <= {entry.number for entry in piece.headers}
            assert piece.weight <= weight or len(numbers) == 1
    assert len(list(whole.pieces(10_000))) == 1


def test_the_common_ancestor_is_the_highest_block_that_both_have() -> None:
    stored = {number: block_hash(number) for number in range(1, 6)}
    chain = [header(1), header(2), header(3), Header(4, block_hash(44), block_hash(3), 0, 0)]
    assert highest_common(stored, chain) == Ancestor(3, block_hash(3))
    assert highest_common({}, chain) is None
    assert highest_common(stored, [Header(5, block_hash(55), block_hash(4), 0, 0)]) is None


def test_a_settlement_that_nobody_was_paid_by_is_refused() -> None:
    batch = settled_batch(3, 0, 1)
    paid = workers_paid(3, 1, 1, ["0x" + "aa" * 20])
    (whole,) = decode.events([batch, paid])
    assert isinstance(whole, events.WorkersPaid) and len(whole.paid) == 1
    other = log(3, 2, TOPICS["ProtocolFeeSet"], data=encoded(5, "0x" + "bb" * 20), transaction=1)
    for wrong in ([batch], [batch, other], [paid], [batch, workers_paid(3, 1, 2, ["0x" + "aa" * 20])]):
        with pytest.raises(AnswerRefused):
            list(decode.events(wrong))


def test_a_settlement_whose_table_is_too_short_is_refused() -> None:
    with pytest.raises(AnswerRefused, match="fewer workers"):
        list(decode.events([settled_batch(3, 0, 1), workers_paid(3, 1, 1, [])]))


def test_an_opening_that_nobody_was_paid_by_is_refused() -> None:
    opening, batch = finalized(3, 0), settled_batch(3, 0, 1)
    paid = workers_paid(3, 1, 1, ["0x" + "aa" * 20])
    (whole,) = decode.events([opening, paid])
    assert isinstance(whole, events.WorkersPaid) and whole.paid[0].places == b"\x01\x01"
    for wrong in ([opening], [opening, finalized(3, 1), paid], [batch, finalized(3, 1), paid], [opening, batch, paid]):
        with pytest.raises(AnswerRefused, match="who was paid doesn't follow"):
            list(decode.events(wrong))


AT = events.Position(5, 0, "0x" + "01" * 32)
JOB, OTHER, WHO = "0x" + "0a" * 32, "0x" + "0b" * 32, "0x" + "cc" * 20


@pytest.mark.parametrize(
    "event",
    [
        events.JobClosed(AT, OTHER, 0),
        events.SlotsContested(AT, JOB, OTHER, WHO, OTHER, b"\x01"),
        events.WorkersPaid(AT, JOB, (events.OpeningFinalized(AT, JOB, OTHER, b"\x01"),), 0, (WHO,)),
        events.Defended(AT, JOB, OTHER, WHO, 7, 1),
        events.AppealEnded(AT, JOB, OTHER, True, 1),
        events.Ruling(AT, WHO, 7, 2),
        events.OperatorSpent(AT, WHO, WHO, NATIVE, 1),
        events.Tipped(AT, WHO, NATIVE, OTHER, (WHO,), (1,)),
        events.BatchOpened(AT, JOB, OTHER, OTHER, 0, (WHO,), OTHER, b"\x01" * 3),
    ],
    ids=lambda event: type(event).__name__,
)
def test_an_event_that_stands_on_nothing_is_refused(event: events.Event) -> None:
    """A node that kept the event before it from us; the job has two slots, the other ids are nobody's."""
    engine = prepare_database("sqlite://")
    with engine.begin() as connection:
        store = Store(connection, 1, ESCROW, {5: 1_000})
        store.post(JOB, JobTerms(WHO, NATIVE, 10, 1, 3, 4))
        store.change(AT, JOB, Change(funded=2))
        store.credit(AT, WHO, ESCROW, 100, "deposited")
        with pytest.raises(AnswerRefused):
            handle(event, store)
    engine.dispose()


def finalized(number: int, index: int) -> Log:
    return log(number, index, TOPICS["OpeningFinalized"], block_hash(77), block_hash(79), data=encoded(b"\x01\x01"))


def encoded(*values: object) -> str:
    from eth_abi.abi import encode

    types = {int: "uint256", str: "address", bytes: "bytes", list: "address[]"}
    return "0x" + encode([types[type(value)] for value in values], values).hex()


def settled_batch(number: int, index: int, transaction: int) -> Log:
    data = encoded(0, 1, 0, b"\x01\x01")
    return log(number, index, TOPICS["BatchSettled"], block_hash(77), block_hash(78), data=data, transaction=transaction)


def workers_paid(number: int, index: int, transaction: int, workers: list[str]) -> Log:
    return log(
        number, index, TOPICS["WorkersPaid"], block_hash(77), data=encoded(0, workers), transaction=transaction
    )


def test_waits_double_up_to_a_limit_and_begin_anew() -> None:
    backoff = Backoff(0.1, 2, random.Random(5))
    waits = [backoff.failed() for _ in range(12)]
    for failures, wait in enumerate(waits):
        ceiling = min(2, 0.1 * 2**failures)
        assert ceiling / 2 <= wait <= ceiling
    assert len(set(waits[6:])) == 6
    backoff.succeeded()
    assert backoff.failed() <= 0.1
