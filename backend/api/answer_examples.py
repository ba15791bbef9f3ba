"""One answer of each kind, put together from its type and the names of its fields, so that none is forgotten and each fits."""

from typing import Any

from msgspec import inspect

from backend.api.examples import ASSIGNMENT, CLOSES, JOB, SALT, SIGNATURE, WORKER

INSTANT = "2026-11-02T09:30:00Z"
ADDRESS, HASH = "0x" + "5a" * 20, "0x" + "b7" * 32
_CONTENT = {"source-ref": "https://example.org/1.jpg"}


def _same(value: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), value)


STRINGS: dict[str, str] = {
    **_same(WORKER, "account attester author owner receiver shut worker workers"),
    **_same(ADDRESS, "address arbitrator coordinator escrow from operator registry relayer requester reviewer sender sponsor to token"),
    **_same(HASH, "answer_root appeal approval_digest batch commitment content_hash digest evidence hash leaf note openings siblings units_root"),
    **_same(HASH, "meta_evidence transaction_hash attachments"),
    **_same(JOB, "job thread"),
    **_same(ASSIGNMENT, "assignment id qualification"),
    **_same(SIGNATURE, "approval signature"),
    **_same("50000", "allowance amount balance earned fee hourly hourly_floor ledger max_fee read reward wallet"),
    **_same("2026-11-02T09:30:00.000000", "cursor"),
    **_same("12", "deadline newest number undo used"),
    **_same("3", "nonce slots"),
    **_same("The picture shows a heron, lower left.", "explanation reason said sentence text why"),
    **_same("yes", "label labels answer"),
    "about": "opening", "advice": "Say what a good answer looks like.", "ai_policy": "forbidden", "alias": "w-5f0c", "appeal_stake": "20000",
    "arbitrator_extra_data": "0x", "chainId": "0x7a69", "code": "wrong", "compare": "≥", "contest_deposit": "10000",
    "criterion": "The answer is plainly not what the picture shows.", "csrf": "9f" * 32, "data": "0x8d1fdf2f…", "description": "Tells a heron from an egret.",
    "detail": "All is well.", "detector": "duplicates", "domain": "example.org", "element": "crowd-image-classifier", "fact": "gold_right_share",
    "field": "reward", "format": "csv", "gas_price": "1000000000", "html": "<crowd-form>…</crowd-form>", "instructions": "Say yes if you see any part of a bird.",
    "key": "pw_5f0c", "keywords": "birds", "kind": "payment.made", "kinds": "payment.made", "lane": "relayer", "locale": "DE",
    "media_type": "audio/ogg", "message": "msg_12", "name": "Knows herons", "outcome": "pushed", "payout": "wallet", "phase": "pending",
    "places": "0x0101", "reason_code": "wrong", "request": "heron-1", "rpc_url": "https://rpc.example.org", "salt": SALT, "scopes": "review",
    "secret": "whsec_…", "sha256": "ab" * 32, "state": "revealed", "statement": "Sign in to Piecework.", "step": "contest", "subject": HASH,
    "symbol": "USDC", "template": "image-classifier", "title": "Is there a bird in the picture?", "type": "label", "uri": "https://example.org",
    "url": "https://example.org/piecework", "user_agent": "Mozilla/5.0", "verdict": "approved", "version": "0.1.0",
}  # fmt: skip
"""What stands in a text field of that name."""
NUMBERS: dict[str, int] = {
    **dict.fromkeys(("closes_at", "deadline", "expires_at", "until", "contest_until", "appeal_until"), CLOSES),
    **dict.fromkeys(("since", "opened_at"), CLOSES - 259_200),
    **dict.fromkeys(("review_window", "review_window_seconds", "appeal_window", "appeal_window_seconds"), 259_200),
    "assignment_seconds": 3_600, "chain_id": 31_337, "confidence_bps": 9_500, "decimals": 6, "fee_bps": 500, "push_gas": 60_000, "status": 404,
    "size": 48_213, "block_number": 21_034_511, "chain_block": 21_034_511, "mirrored_block": 21_034_511,
}  # fmt: skip
"""Others are 3."""
WHOLE: dict[str, Any] = {"answer": {"label": "yes"}, "draft": {"label": "no"}, "criteria": [], "qualifications": []}
"""What stands where any JSON may; else a unit's content."""


def example(kind: Any) -> Any:
    """An answer of a type, as JSON has it."""
    return _value("", inspect.type_info(kind), ())


def _value(name: str, kind: inspect.Type, within: tuple[Any, ...]) -> Any:
    match kind:
        case inspect.StructType():
            return {field.encode_name: _value(field.encode_name, field.type, (*within, kind.cls)) for field in kind.fields}
        case inspect.UnionType():
            return _value(name, _first(kind, within), within)
        case inspect.ListType():
            return [_value(name, kind.item_type, within)]
        case inspect.DictType():
            return {}
        case inspect.StrType():
            return STRINGS.get(name, "…")
        case inspect.IntType():
            return NUMBERS.get(name, 3)
        case inspect.FloatType():
            return 0.95
        case inspect.BoolType():
            return True
        case inspect.DateTimeType():
            return INSTANT
        case inspect.NoneType():
            return None
        case _:
            return WHOLE.get(name, _CONTENT)


def _first(kind: inspect.UnionType, within: tuple[Any, ...]) -> inspect.Type:
    """The kind that says most and doesn't hold itself again."""
    return next(
        one
        for one in sorted(kind.types, key=lambda one: isinstance(one, inspect.NoneType | inspect.CustomType))
        if not (isinstance(one, inspect.StructType) and one.cls in within)
    )
