"""What must hold for every value that the pure domain handles, not for the ones that we thought of."""

import json
from decimal import Decimal
from fractions import Fraction

import pytest
from eth_keys import keys as eth_keys
from hypothesis import given
from hypothesis import strategies as st

from piecework.domain import merkle
from piecework.domain.content import canonical_json, commitment
from piecework.domain.errors import Invalid
from piecework.domain.terms import MAX_SLOTS, MAX_WORKERS, Batch, cut_batch, protocol_fee
from piecework.domain.typed_data import Domain, Key, compact, recover
from piecework.domain.units import UINT256_MAX, base_units, decimal_text

words = st.binary(min_size=32, max_size=32)
amounts = st.integers(0, UINT256_MAX)
decimals = st.integers(0, 24)
safe_integers = st.integers(-(2**53) + 1, 2**53 - 1)
texts = st.text(st.characters(codec="utf-8"))
json_values = st.recursive(
    st.none() | st.booleans() | safe_integers | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)
secrets = st.integers(1, 2**255).map(lambda number: number.to_bytes(32))


def worker(number: int) -> str:
    return f"0x{number:040x}"


# Amounts -----------------------------------------------------------------------------------------------------------------


@given(amounts, decimals)
def test_an_amount_written_as_a_decimal_reads_back_exactly(amount: int, places: int) -> None:
    assert base_units(decimal_text(amount, places), places) == amount


@given(amounts, decimals)
def test_a_decimal_has_the_value_of_its_base_units(amount: int, places: int) -> None:
    sign, digits, exponent = Decimal(decimal_text(amount, places)).as_tuple()
    assert sign == 0 and isinstance(exponent, int)
    assert int("".join(map(str, digits))) * 10 ** (places + exponent) == amount


@given(amounts, decimals)
def test_a_debt_is_written_with_a_sign(amount: int, places: int) -> None:
    assert decimal_text(-amount, places) == (f"-{decimal_text(amount, places)}" if amount else decimal_text(0, places))


@given(st.text())
def test_what_is_not_a_plain_decimal_is_refused(text: str) -> None:
    try:
        units = base_units(text, 6)
    except Invalid:
        return
    stripped = text.strip()
    assert set(stripped) <= set("0123456789.") and stripped.count(".") <= 1
    assert Fraction(stripped) * 10**6 == units  # exact at any length, as a Decimal at its usual precision is not


@pytest.mark.parametrize(
    "text", ["", ".", "-1", "+1", "1e3", "1_000", "1,5", "٣", "²", "0x10", "NaN", "Infinity", "1.2.3", "1 2", "0.0000001"]
)
def test_amounts_are_digits_with_one_point(text: str) -> None:
    with pytest.raises(Invalid):
        base_units(text, 6)


@pytest.mark.parametrize(("text", "units"), [("0.05", 50_000), (" 1 ", 10**6), ("5.", 5 * 10**6), (".5", 500_000), ("0.0500000", 50_000)])
def test_amounts_read_as_people_write_them(text: str, units: int) -> None:
    assert base_units(text, 6) == units


def test_an_amount_over_uint256_is_refused() -> None:
    assert base_units(str(UINT256_MAX), 0) == UINT256_MAX
    for text, places in ((str(UINT256_MAX + 1), 0), (str(UINT256_MAX), 1), ("9" * 5000, 0)):
        with pytest.raises(Invalid):
            base_units(text, places)


@given(st.integers(1, 2**128 - 1), st.integers(0, 200))
def test_the_protocol_fee_is_rounded_down_and_never_over_two_percent(reward: int, fee_bps: int) -> None:
    fee = protocol_fee(reward, fee_bps)
    assert fee * 10_000 <= reward * fee_bps < (fee + 1) * 10_000
    assert fee * 50 <= reward


# Merkle trees ------------------------------------------------------------------------------------------------------------


@given(st.lists(words, min_size=1, max_size=70), st.data())
def test_every_leaf_has_a_proof_and_no_other_leaf_passes_with_it(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    root, proof = merkle.root(leaves), merkle.proof(leaves, index)
    assert merkle.verify(leaves[index], proof, root)
    assert len(proof) <= max(1, (len(leaves) - 1).bit_length())
    stranger = data.draw(words.filter(lambda leaf: leaf not in leaves))
    assert not merkle.verify(stranger, proof, root)


@given(st.lists(words, min_size=1, max_size=40, unique=True), st.data())
def test_a_changed_leaf_changes_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    changed = leaves.copy()
    changed[index] = data.draw(words.filter(lambda leaf: leaf not in leaves))
    assert merkle.root(changed) != merkle.root(leaves)


def test_a_tree_needs_a_leaf() -> None:
    with pytest.raises(Invalid):
        merkle.root([])


# Batches -----------------------------------------------------------------------------------------------------------------

holdings = st.dictionaries(st.integers(0, 2_000), st.tuples(st.integers(1, 300), words), min_size=1, max_size=200)


@given(words, holdings, st.lists(st.integers(1, 300), max_size=40, unique=True), st.randoms())
def test_a_cut_batch_gives_every_holder_its_slot_and_nobody_another(
    job: bytes, holdings: dict[int, tuple[int, bytes]], roster: list[int], random: object
) -> None:
    entries = [(slot, worker(who), word) for slot, (who, word) in holdings.items()]
    random.shuffle(entries)  # type: ignore[attr-defined]  # hypothesis hands in a random.Random
    table = [worker(who) for who in roster]
    if len({*table, *(entry[1] for entry in entries)}) > MAX_WORKERS:
        with pytest.raises(Invalid):
            cut_batch(job, entries, table)
        return
    batch = cut_batch(job, entries, table)
    for slot in range(-1, 2_002):
        assert batch.holder(slot) == (worker(holdings[slot][0]) if slot in holdings else None)
    assert batch.named == len(holdings)
    assert list(batch.workers[: len(table)]) == table
    assert len(set(batch.workers)) == len(batch.workers)
    assert batch.answer_root == merkle.root([holdings[slot][1] for slot in sorted(holdings)])
    assert batch == cut_batch(job, sorted(entries), table)


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [(0, worker(1), bytes(32)), (0, worker(2), bytes(32))],
        [(0, worker(1), bytes(32)), (MAX_SLOTS, worker(1), bytes(32))],
        [(i, worker(i + 1), bytes(32)) for i in range(MAX_WORKERS + 1)],
    ],
    ids=["empty", "one slot twice", "too wide", "too many workers"],
)
def test_a_batch_that_the_escrow_would_refuse_is_not_cut(entries: list[tuple[int, str, bytes]]) -> None:
    with pytest.raises(Invalid):
        cut_batch(bytes(32), entries)


def test_a_byte_past_the_table_makes_no_batch() -> None:
    with pytest.raises(Invalid):
        Batch(bytes(32), 0, (worker(1),), b"\x02", bytes(32))


# Content -----------------------------------------------------------------------------------------------------------------


@given(json_values)
def test_canonical_json_means_the_same_and_is_its_own_canonical_form(value: object) -> None:
    text = canonical_json(value)
    assert json.loads(text) == value
    assert canonical_json(json.loads(text)) == text


@given(st.dictionaries(texts, safe_integers, min_size=2, max_size=8), st.randoms())
def test_canonical_json_forgets_the_order_of_keys(value: dict[str, int], random: object) -> None:
    keys = list(value)
    random.shuffle(keys)  # type: ignore[attr-defined]  # hypothesis hands in a random.Random
    assert canonical_json({key: value[key] for key in keys}) == canonical_json(value)


@pytest.mark.parametrize("value", [2**53, float("nan"), float("inf"), {1: 2}, b"x", {"a": object()}, "\ud800"])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(Invalid):
        canonical_json(value)


@given(words, words, st.integers(0, 2**32 - 1), json_values, json_values)
def test_a_commitment_binds_its_answer_salt_and_slot(job: bytes, salt: bytes, slot: int, one: object, other: object) -> None:
    mine = commitment(job, slot, worker(1), salt, one)
    assert (commitment(job, slot, worker(1), salt, other) == mine) == (canonical_json(one) == canonical_json(other))
    assert commitment(job, slot + 1, worker(1), salt, one) != mine
    assert commitment(job, slot, worker(2), salt, one) != mine
    assert commitment(job, slot, worker(1), bytes(31) + b"\x07" if salt == bytes(32) else bytes(32), one) != mine


@pytest.mark.parametrize(("job", "salt"), [(bytes(31), bytes(32)), (bytes(32), bytes(33))])
def test_a_commitments_job_and_salt_have_32_bytes(job: bytes, salt: bytes) -> None:
    with pytest.raises(Invalid):
        commitment(job, 0, worker(1), salt, "yes")


# Signatures --------------------------------------------------------------------------------------------------------------


@given(secrets, words)
def test_a_signature_recovers_to_its_key_and_has_a_low_s(secret: bytes, digest: bytes) -> None:
    key = Key(secret)
    signature = key.sign(digest)
    assert recover(digest, signature) == key.address
    assert int.from_bytes(signature[32:64]) <= 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
    theirs = eth_keys.Signature(signature[:64] + bytes([signature[64] - 27])).recover_public_key_from_msg_hash(digest)
    assert theirs.to_address() == key.address


@given(secrets, words)
def test_a_compact_signature_holds_the_same_and_its_top_bit_is_the_parity(secret: bytes, digest: bytes) -> None:
    signature = Key(secret).sign(digest)
    r, vs = compact(signature)
    number = int.from_bytes(vs)
    s, parity = (number & (2**255 - 1)).to_bytes(32), number >> 255
    assert r + s + bytes([27 + parity]) == signature


@given(st.integers(1, 2**64), st.integers(1, 2**64), words)
def test_another_chain_is_another_digest(chain: int, other: int, struct: bytes) -> None:
    assert (Domain(chain, worker(1)).digest(struct) == Domain(other, worker(1)).digest(struct)) == (chain == other)
    assert Domain(chain, worker(1)).digest(struct) != Domain(chain, worker(2)).digest(struct)
