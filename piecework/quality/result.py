"""The result file: what a crowd's answers came to, so that anyone with the answers can check it.

JSON Lines in canonical form (RFC 8785). The first line names everything that decides the result (version, algorithm, settings,
seed, the answers' SHA-256); then one line a unit, sorted; the last line holds the Keccak-256 of all before it and, if it was signed,
an EIP-191 signature over that. Numbers are rounded to six places: floating-point sums may differ beyond them between machines.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from piecework.domain.content import canonical_json
from piecework.domain.errors import Invalid
from piecework.domain.keccak import keccak256
from piecework.domain.typed_data import Key
from piecework.quality.consensus import Consensus, Decision, Request, consensus, explain
from piecework.quality.dawid_skene import Progress, Settings
from piecework.quality.labels import Labels
from piecework.quality.outcomes import KINDS, Outcomes
from piecework.quality.signature import sign_message, signer_of
from piecework.quality.skill import Skill

FORMAT = "piecework-consensus/1"
PLACES = 6
CLOSE = 2e-6
"""How far two machines' numbers may lie apart."""


def write(
    found: Consensus | Outcomes, key: Key | None = None, known: Mapping[str, str] | None = None, rejected: int | None = None
) -> Iterator[bytes]:
    """The file, line by line; signed where a key is given.

    Args:
        known: the truth that the confidence was calibrated with.
        rejected: how many answers were left out because somebody rejected them; None where nobody reviews.
    """
    lines = [canonical_json(value) + b"\n" for value in _body(found, known or {}, rejected)]
    yield from lines
    yield canonical_json(_seal(lines, key)) + b"\n"


def verify(lines: Iterable[bytes], labels: Labels, progress: Progress | None = None) -> str | None:
    """Computes the result again from the answers and compares all of it.

    Returns:
        The signer's address, None for a file that nobody signed.

    Raises:
        Invalid: what doesn't match, in a sentence.
    """
    raw = [line if line.endswith(b"\n") else line + b"\n" for line in lines]
    values = [_parsed(at, line) for at, line in enumerate(raw)]
    if len(values) < 3 or not isinstance(values[0], dict) or values[0].get("format") != FORMAT:
        raise Invalid(f"This is no result file: its first line must name the format {FORMAT}.")
    signer = _unsealed(raw[:-1], values[-1])
    head = values[0]
    _check_head(head)
    if head["answers_sha256"] != labels.digest().hex():
        raise Invalid("These aren't the answers that the result was made from: their SHA-256 differs.")
    if head.get("algorithm") in KINDS:
        again: Consensus | Outcomes = Outcomes(head["algorithm"], _request(head | {"algorithm": "ds"}), labels)
    else:
        again = consensus(labels, _request(head), head["skills"], head["known"], progress)
    _compare(values[:-1], list(_body(again, head["known"], head.get("rejected"))))
    return signer


def _body(found: Consensus | Outcomes, known: Mapping[str, str], rejected: int | None) -> Iterator[dict[str, Any]]:
    if isinstance(found, Outcomes):
        yield _head(found, found.kind, known, rejected)
        yield from _outcomes(found)
        return
    yield _head(found, found.request.algorithm, known, rejected) | {
        "used": found.used,
        "skills": None if found.skill_of is None else dict(found.skill_of),
        "temperature": None if found.temperature is None else round(found.temperature, PLACES),
        "classes": [str(name) for name in found.labels.classes],
        "workers": {one.worker: _skill(one) for one in found.skills},
    }
    skill_of = {one.worker: one for one in found.skills}
    for decision in found.decisions():
        yield _unit(decision, found, skill_of)


def _head(found: Consensus | Outcomes, algorithm: str, known: Mapping[str, str], rejected: int | None) -> dict[str, Any]:
    labels, request = found.labels, found.request
    return {
        "format": FORMAT,
        "version": request.version,
        "algorithm": algorithm,
        "used": algorithm,
        "seed": request.seed,
        "settings": asdict(request.settings),
        "skills": None,
        "known": dict(known),
        "temperature": None,
        "answers": len(labels),
        "answers_sha256": labels.digest().hex(),
        "classes": [],
        "workers": {},
    } | ({} if rejected is None else {"rejected": rejected})


def _outcomes(found: Outcomes) -> Iterator[dict[str, Any]]:
    said: dict[Any, list[dict[str, Any]]] = {}
    for unit, worker, text in found.labels.rows():
        said.setdefault(unit, []).append({"worker": str(worker), "label": json.loads(text)})
    for unit, one in found.by_unit.items():
        why = f"{one.answers} answers; classes were named by {', '.join(f'{count} ({name})' for name, count in one.counts.items()) or 'nobody'}."
        yield {"unit": str(unit), "label": one.value, "confidence": round(one.confidence, PLACES), "votes": said[unit], "why": why}


def _skill(skill: Skill) -> dict[str, Any]:
    return {"answers": skill.answers, **{name: round(getattr(skill, name), PLACES) for name in ("right", "low", "high")}}


def _unit(decision: Decision, found: Consensus, skill_of: Mapping[str, Skill]) -> dict[str, Any]:
    return {
        "unit": decision.unit,
        "label": decision.label,
        "confidence": round(decision.confidence, PLACES),
        "votes": [{"worker": one.worker, "label": one.label, "weight": round(one.weight, PLACES)} for one in decision.votes],
        "why": explain(decision, found.used, skill_of),
    }


def _seal(lines: list[bytes], key: Key | None) -> dict[str, Any]:
    digest = "0x" + keccak256(b"".join(lines)).hex()
    seal: dict[str, Any] = {"keccak256": digest, "signer": None, "signature": None}
    if key is not None:
        seal |= {"signer": key.address, "signature": sign_message(key, _text(digest))}
    return seal


def _text(digest: str) -> str:
    return f"Piecework consensus\n{digest}"


def _unsealed(lines: list[bytes], seal: Any) -> str | None:
    digest = "0x" + keccak256(b"".join(lines)).hex()
    if not isinstance(seal, dict) or seal.get("keccak256") != digest:
        raise Invalid("The file was changed after it was written: its last line names another hash.")
    if seal.get("signature") is None:
        return None
    signer = signer_of(_text(digest), str(seal["signature"]))
    if signer != seal.get("signer"):
        raise Invalid(f"The signature is {signer}'s, not {seal.get('signer')}'s.")
    return signer


def _check_head(head: dict[str, Any]) -> None:
    """What is used before it is compared must be of its shape."""
    if type(head.get("seed")) is not int:
        raise Invalid("The first line needs a seed, a whole number.")
    skills, known = head.get("skills"), head.get("known")
    fits = isinstance(head.get("answers_sha256"), str) and isinstance(known, dict) and isinstance(skills, dict | type(None))
    if not fits or not all(isinstance(label, str) for label in known.values()):
        raise Invalid("The first line needs answers_sha256, known labels by unit, and skills by worker or none.")
    if not all(isinstance(skill, int | float) and math.isfinite(skill) for skill in (skills or {}).values()):
        raise Invalid("The first line's skills must be numbers.")


def _request(head: dict[str, Any]) -> Request:
    try:
        return Request(head["algorithm"], head["seed"], Settings(**head["settings"]), head["version"])
    except (KeyError, TypeError):
        raise Invalid("The first line doesn't name an algorithm, a seed, settings and a version.") from None


def _compare(there: list[Any], here: list[Any]) -> None:
    if len(there) != len(here):
        raise Invalid(f"The file decides {len(there) - 1:,} units; the answers have {len(here) - 1:,}.")
    for one, other in zip(there, here, strict=True):
        if not _same(one, other):
            name = one.get("unit", "the first line") if isinstance(one, dict) else "a line"
            raise Invalid(f"Computed again, '{name}' comes out differently.")


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return abs(one - other) <= CLOSE * max(1.0, abs(other))
    return bool(one == other)


def _parsed(at: int, line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        raise Invalid(f"Line {at + 1} of the result file isn't JSON.") from None
