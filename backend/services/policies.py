"""What a requester says of a job beside its money: who may answer and how, for what an answer is rejected, and what it looks like."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.services.cell import DRAFTS, TooLong
from piecework.domain.answers import compiled, first_error, sentence_of
from piecework.domain.content import canonical_json
from piecework.domain import reports
from piecework.domain.errors import Invalid
from piecework.domain.templates import TEMPLATES, Schema
from piecework.quality.reading import CHOICES

AI_POLICIES = ("forbidden", "assisted", "allowed")
MOST_CRITERIA = 50
MOST_KEYWORDS = 50
MOST_QUALIFICATIONS = 50
LONGEST_TEXT = 10_000
LONGEST_WORD = 100
LONGEST_SCHEMA = 65_536
LONGEST_HTML = 1 << 20
LONGEST_DELAY = 90 * 86_400
MOST_ANSWERS = 2**31 - 1
LEAST_APART = 500
"""1/10,000 between the accuracies that a sequential test tells apart: of closer ones it would ask hundreds of known units."""
LATER = ("overlap", "gold", "signals", "estimated_seconds", "hourly_floor", "reports")
"""Fields that came after the first manifests and are left away where a job doesn't use them, so that the same job keeps its hash."""
LATER_WITHIN: Mapping[str, Mapping[str, Any]] = {"overlap": {"by_skill": False}, "gold": {"good_bps": 0}}
"""The same inside of a field: what stands there where a job doesn't use it, and is left away then."""
_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)

Fault = tuple[str, str]
"""The field that is wrong, and the sentence that says how to mend it."""


@dataclass(frozen=True, slots=True)
class Policies:
    """The fields as `NewJob` has them; everything here stands in the job's manifest, so the chain's hash covers it."""

    description: str = ""
    keywords: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    html: str | None = None
    answer_schema: Schema | None = None
    criteria: Sequence[Mapping[str, str]] = ()
    qualifications: Sequence[Mapping[str, Any]] = ()
    per_worker_limit: int | None = None
    auto_approval_seconds: int | None = None
    ai_policy: str = "allowed"
    overlap: Mapping[str, Any] | None = None
    gold: Mapping[str, Any] | None = None
    signals: bool | None = None
    estimated_seconds: int | None = None
    hourly_floor: str | None = None
    reports: Mapping[str, Any] | None = None

    def manifest(self) -> dict[str, Any]:
        """Their part of the manifest."""
        said = {name: _plain(getattr(self, name)) for name in self.__slots__}
        for name, unused in LATER_WITHIN.items():
            if said[name] is not None:
                said[name] = {key: value for key, value in said[name].items() if key not in unused or value != unused[key]}
        return {name: value for name, value in said.items() if name not in LATER or value is not None}

    def row(self) -> dict[str, Any]:
        """Their columns in `posting`."""
        return {
            "criteria": canonical_json(_plain(self.criteria)).decode(),
            "qualifications": canonical_json(_plain(self.qualifications)).decode(),
            "per_worker_limit": self.per_worker_limit,
            "auto_approval_seconds": self.auto_approval_seconds,
            "ai_policy": self.ai_policy,
            "overlap": _text(self.overlap),
            "gold": _text(self.gold),
            "signals": bool(self.signals),
        }

    def faults(self, template: str, labels: Sequence[str] | None) -> Iterator[Fault]:
        """Everything that is wrong, for a job of that template and those labels."""
        yield from self._words()
        yield from self._limits()
        yield from _criteria(self.criteria)
        if self.overlap is not None:
            yield from _overlap(self.overlap, template, labels)
        if self.gold is not None:
            yield from _gold(self.gold, template, labels)
        if self.reports is not None:
            yield from _reports(self.reports, self.criteria)
        if template in TEMPLATES:
            yield from self._template(template, labels)

    def _words(self) -> Iterator[Fault]:
        if len(self.description) > LONGEST_TEXT:
            yield "description", f"The description has at most {LONGEST_TEXT} characters."
        if len(self.keywords) > MOST_KEYWORDS or not all(0 < len(word.strip()) <= LONGEST_WORD for word in self.keywords):
            yield "keywords", f"Give at most {MOST_KEYWORDS} keywords of 1 to {LONGEST_WORD} characters each."
        if self.ai_policy not in AI_POLICIES:
            yield "ai_policy", f"ai_policy must be one of {', '.join(AI_POLICIES)}."

    def _limits(self) -> Iterator[Fault]:
        if len(self.qualifications) > MOST_QUALIFICATIONS:
            yield "qualifications", f"A job asks for at most {MOST_QUALIFICATIONS} qualifications."
        if self.per_worker_limit is not None and not 1 <= self.per_worker_limit <= MOST_ANSWERS:
            yield "per_worker_limit", "per_worker_limit is at least one answer; leave it out for no limit."
        if self.auto_approval_seconds is not None and not 0 <= self.auto_approval_seconds <= LONGEST_DELAY:
            yield "auto_approval_seconds", "auto_approval_seconds is at most 90 days; leave it out for no automatic approval."

        if self.estimated_seconds is not None and not 1 <= self.estimated_seconds <= LONGEST_DELAY:
            yield "estimated_seconds", "estimated_seconds is one second to 90 days; leave it out where you don't know."

    def _template(self, name: str, labels: Sequence[str] | None) -> Iterator[Fault]:
        found = TEMPLATES[name]
        least, most = found.labels
        if not least <= len(labels or ()) <= most:
            yield "labels", f"The template {name} takes {least} to {most} labels."
        if (self.html is None) == (name == "html"):
            yield "html", "The template html needs the page in 'html', and no other template takes one."
        if self.html is not None and len(self.html) > LONGEST_HTML:
            yield "html", f"The page has at most {LONGEST_HTML} characters."
        wrong = _misfit(found.options, dict(self.options))
        if wrong:
            yield "options", f"The template {name} doesn't take these options: {wrong}."
        elif self.answer_schema is not None:
            yield from _schema(name, self.answer_schema)


def _schema(name: str, schema: Schema) -> Iterator[Fault]:
    if name != "html":
        yield "answer_schema", f"The template {name} has a schema of its own; only html takes another."
        return
    try:
        if len(canonical_json(schema)) > LONGEST_SCHEMA:
            raise Invalid(f"The answer schema has at most {LONGEST_SCHEMA} bytes as JSON.")
        if any(not reference.startswith("#") for reference in _references(schema)):
            raise Invalid("The answer schema refers to another one; write everything into it, and refer with '#/$defs/…'.")
        wrong = DRAFTS.ask("schema", schema).get("wrong")
        if wrong:
            yield "answer_schema", wrong
    except Invalid as error:
        yield "answer_schema", error.sentence
    except TooLong:
        yield "answer_schema", "The answer schema can't be used: to read it takes too long."


def _references(schema: Any) -> Iterator[str]:
    """Every reference in a schema, at any depth; without recursion."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield from (str(node[word]) for word in ("$ref", "$dynamicRef") if word in node)
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _criteria(criteria: Sequence[Mapping[str, str]]) -> Iterator[Fault]:
    if len(criteria) > MOST_CRITERIA:
        yield "criteria", f"A job has at most {MOST_CRITERIA} criteria."
    codes = [criterion["code"] for criterion in criteria]
    if len(set(codes)) != len(codes):
        yield "criteria", "Two criteria have the same code."
    for criterion in criteria:
        if not _CODE.fullmatch(criterion["code"]):
            yield "criteria", "A criterion's code is 1 to 40 of a-z, 0-9, _ and -."
        if not 0 < len(criterion["text"].strip()) <= LONGEST_TEXT:
            yield "criteria", f"Say in 1 to {LONGEST_TEXT} characters what the criterion {criterion['code']} means."


def _overlap(overlap: Mapping[str, Any], template: str, labels: Sequence[str] | None) -> Iterator[Fault]:
    if template not in CHOICES or (template != "pairwise" and not labels):
        yield "overlap", f"An overlap is for jobs that choose among labels: {', '.join(CHOICES)}."
    if not 1 <= overlap["least"] <= MOST_ANSWERS:
        yield "overlap", "overlap.least is how many answers each unit gets whatever they say, at least one."
    if not 1 <= overlap["confidence_bps"] <= 10_000:
        yield "overlap", "overlap.confidence_bps is how sure a unit must be, in 1/10,000: 9500 for 95 %."


def _gold(gold: Mapping[str, Any], template: str, labels: Sequence[str] | None) -> Iterator[Fault]:
    if template not in CHOICES or not labels:
        yield "gold", "Known units (gold) are for jobs that choose among labels that they name."
    if not 0 <= gold["share_bps"] <= 5_000:
        yield "gold", "gold.share_bps is the share of known units in 1/10,000, at most half of all."
    if not 0 <= gold["first"] <= 100:
        yield "gold", "gold.first is how many of a worker's first units are known ones, at most 100."
    if not 0 <= gold["least_bps"] <= 9_900:
        yield "gold", "gold.least_bps is how often a worker must be right in 1/10,000, at most 9,900; 0 lets everybody go on."
    if not 0 <= gold["pass_right"] <= gold["first"]:
        yield "gold", "gold.pass_right is how many of the first known units must be right, at most gold.first."
    if gold["good_bps"] and not gold["least_bps"] + LEAST_APART <= gold["good_bps"] <= 9_990:
        yield "gold", f"gold.good_bps is how often a good worker is right in 1/10,000, at least {LEAST_APART} more than gold.least_bps, at most 9,990."
    if gold["good_bps"] and gold["least_bps"] < 100:
        yield "gold", "gold.good_bps needs a gold.least_bps of at least 100: the test is of the one against the other."


def _reports(taken: Mapping[str, Any], criteria: Sequence[Mapping[str, str]]) -> Iterator[Fault]:
    if not any(taken[kind] for kind in reports.KINDS):
        yield "reports", f"reports takes at least one of {' and '.join(reports.KINDS)}; leave it out for none."
    if not 1 <= taken["each"] <= reports.MOST_EACH:
        yield "reports", f"reports.each is how many reports of one worker are paid, 1 to {reports.MOST_EACH}."
    if reports.CRITERION not in [criterion["code"] for criterion in criteria]:
        yield "criteria", f"A job that takes reports needs the criterion {reports.CRITERION}, which says what makes one false: it is rejected for nothing else."


def _text(value: Any) -> str | None:
    return None if value is None else canonical_json(_plain(value)).decode()


def _misfit(schema: Schema, value: Any) -> str | None:
    error = first_error(compiled(schema), value)
    return None if error is None else sentence_of(error)


def _plain(value: Any) -> Any:
    """Mappings and sequences as JSON has them."""
    if isinstance(value, Mapping):
        return {key: _plain(child) for key, child in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(child) for child in value]
    return value
