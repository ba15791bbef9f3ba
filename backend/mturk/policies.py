"""Review policies: what happens to answers by itself, by rules that the requester set when it made the HIT.

    ScoreMyKnownAnswers/2011-09-01    at each submission: how many known answers are right
    SimplePlurality/2011-09-01        at each time that the HIT becomes Reviewable: which answers most workers gave

Pure: a policy looks at answers and says what should be done. Source: the developer guide's articles on both policies; where they
contradict themselves, see docs/mturk.md.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.mturk.errors import invalid

KNOWN, PLURALITY = "ScoreMyKnownAnswers/2011-09-01", "SimplePlurality/2011-09-01"
LONGEST_ANSWER = 256
"""Characters; longer answers aren't compared."""
YEAR = 31_536_000
Answers = Mapping[str, frozenset[str]]
"""By question the set of values that were given, trimmed at their ends."""


@dataclass(frozen=True, slots=True)
class Extension:
    """More assignments for a HIT: one more, up to `most` in all, and at least `seconds` from now."""

    most: int
    seconds: int


@dataclass(frozen=True, slots=True)
class KnownAnswers:
    """ScoreMyKnownAnswers. Thresholds are None where they weren't given."""

    key: Answers
    approve_at: int | None
    approve_reason: str
    reject_below: int | None
    reject_reason: str
    extend_below: int | None
    extension: Extension | None

    def score(self, answers: Answers) -> int:
        """Percent of the keyed questions that are right, rounded down. An empty key or an empty answer is never right."""
        right = sum(self.is_right(question, answers) for question in self.key)
        return 100 * right // len(self.key)

    def is_right(self, question: str, answers: Answers) -> bool:
        wanted = self.key[question] - {""}
        return bool(wanted) and answers.get(question, frozenset()) == wanted

    def verdict(self, score: int) -> tuple[bool, bool, bool]:
        """Whether to approve, to reject, to ask for one more. Bounds 0 and 101 mean always and never."""
        approve = self.approve_at is not None and score >= self.approve_at
        reject = not approve and self.reject_below is not None and score < self.reject_below
        return approve, reject, self.extend_below is not None and score < self.extend_below


@dataclass(frozen=True, slots=True)
class Plurality:
    """SimplePlurality. Thresholds are None where they weren't given."""

    questions: tuple[str, ...]
    agreed_above: int
    disregard_rejected: bool
    disregard_known_below: int | None
    extend_below: int | None
    extension: Extension | None
    approve_at: int | None
    reject_below: int | None
    reject_reason: str


@dataclass(frozen=True, slots=True)
class QuestionResult:
    """What the workers said to one question: the top answer, its share in percent rounded down, and whether that is agreement."""

    answer: frozenset[str] | None
    score: int
    agreed: bool


@dataclass(frozen=True, slots=True)
class PluralityResult:
    """The outcome for a HIT. Percent, rounded down; None where there was nothing to compare.

    Attributes:
        questions: by identifier.
        hit_score: agreed of evaluated questions.
        workers: by assignment: percent of the agreed questions that it answered as most did, and how many.
    """

    questions: Mapping[str, QuestionResult]
    hit_score: int | None
    workers: Mapping[str, tuple[int | None, int, int]]


def plurality(policy: Plurality, answers: Mapping[str, Answers]) -> PluralityResult:
    """What most workers said.

    Args:
        policy: with its threshold of agreement.
        answers: by assignment, those that count.
    """
    results = {question: _question(policy, question, answers.values()) for question in policy.questions}
    evaluated = [result for result in results.values() if result.answer is not None]
    agreed = {question: result.answer for question, result in results.items() if result.agreed}
    hit_score = 100 * len(agreed) // len(evaluated) if evaluated else None
    return PluralityResult(results, hit_score, {id: _worker(agreed, given) for id, given in answers.items()})


def _question(policy: Plurality, question: str, answers: Any) -> QuestionResult:
    given = [values for one in answers if (values := _comparable(one.get(question)))]
    if not given:
        return QuestionResult(None, 0, False)
    votes = Counter(given)
    top = min(votes, key=lambda values: (-votes[values], sorted(values)))
    score = 100 * votes[top] // len(given)
    return QuestionResult(top, score, score > policy.agreed_above)


def _comparable(values: frozenset[str] | None) -> frozenset[str] | None:
    return values if values and all(value and len(value) <= LONGEST_ANSWER for value in values) else None


def _worker(agreed: Mapping[str, frozenset[str] | None], given: Answers) -> tuple[int | None, int, int]:
    right = sum(given.get(question) == answer for question, answer in agreed.items())
    return (100 * right // len(agreed) if agreed else None), right, len(agreed) - right


# ------------------------------------------------------------------------------------------------ reading


def read_known(given: Mapping[str, Any]) -> KnownAnswers:
    """An AssignmentReviewPolicy.

    Raises:
        RequestError: another policy, or parameters that break its rules.
    """
    parameters = _Parameters(given, KNOWN)
    key = parameters.map("AnswerKey")
    approve_at = parameters.number("ApproveIfKnownAnswerScoreIsAtLeast", 0, 101)
    reject_below = parameters.number("RejectIfKnownAnswerScoreIsLessThan", 0, 101)
    extend_below = parameters.number("ExtendIfKnownAnswerScoreIsLessThan", 0, 101)
    extension = Extension(
        parameters.number("ExtendMaximumAssignments", 2, 25) or 5,
        parameters.number("ExtendMinimumTimeInSeconds", 60, YEAR) or 0,
    )
    policy = KnownAnswers(
        key,
        approve_at,
        parameters.text("ApproveReason"),
        reject_below,
        parameters.text("RejectReason"),
        extend_below,
        extension if extend_below is not None else None,
    )
    parameters.done()
    return policy


def read_plurality(given: Mapping[str, Any]) -> Plurality:
    """A HITReviewPolicy.

    Raises:
        RequestError: another policy, or parameters that break its rules.
    """
    parameters = _Parameters(given, PLURALITY)
    questions = tuple(name for value in parameters.list("QuestionIds") for name in map(str.strip, value.split(",")) if name)
    agreed_above = parameters.number("QuestionAgreementThreshold", 0, 100)
    if not questions or agreed_above is None:
        raise invalid(f"{PLURALITY} needs QuestionIds and QuestionAgreementThreshold.")
    policy = Plurality(
        questions,
        agreed_above,
        parameters.flag("DisregardAssignmentIfRejected"),
        parameters.number("DisregardAssignmentIfKnownAnswerScoreIsLessThan", 0, 101),
        extend_below := parameters.number("ExtendIfHITAgreementScoreIsLessThan", 1, 100),
        _extension(parameters, extend_below),
        parameters.number("ApproveIfWorkerAgreementScoreIsAtLeast", 0, 101)
        if parameters.has("ApproveIfWorkerAgreementScoreIsAtLeast")
        else parameters.number("ApproveIfWorkerAgreementScoreIsNotLessThan", 0, 101),
        parameters.number("RejectIfWorkerAgreementScoreIsLessThan", 0, 101),
        parameters.text("RejectReason"),
    )
    parameters.done()
    return policy


def _extension(parameters: "_Parameters", extend_below: int | None) -> Extension | None:
    most = parameters.number("ExtendMaximumAssignments", 2, 1_000_000_000)
    seconds = parameters.number("ExtendMinimumTimeInSeconds", 3_600, YEAR)
    if extend_below is None:
        return None
    if most is None or seconds is None:
        raise invalid("ExtendIfHITAgreementScoreIsLessThan needs ExtendMaximumAssignments and ExtendMinimumTimeInSeconds.")
    return Extension(most, seconds)


class _Parameters:
    """The parameters of a policy, each of which may be read once."""

    def __init__(self, given: Mapping[str, Any], name: str) -> None:
        if given.get("PolicyName") != name:
            raise invalid(f"The policy here is {name}, not {given.get('PolicyName')}.")
        self._name = name
        self._left: dict[str, Mapping[str, Any]] = {}
        for one in given.get("Parameters", ()):
            if one.get("Key") in self._left or not one.get("Key"):
                raise invalid(f"A parameter of {name} has no Key or stands twice: {one.get('Key')}.")
            self._left[one["Key"]] = one

    def has(self, key: str) -> bool:
        return key in self._left

    def list(self, key: str) -> list[str]:
        return list(self._left.pop(key, {}).get("Values", ()))

    def text(self, key: str) -> str:
        return "".join(self.list(key)[:1])

    def flag(self, key: str) -> bool:
        value = self.text(key).strip().lower()
        if value not in ("", "true", "false", "t", "f"):
            raise invalid(f"{key} is true or false, not '{value[:40]}'.")
        return value in ("true", "t")

    def number(self, key: str, least: int, most: int) -> int | None:
        values = self.list(key)
        if not values:
            return None
        value = values[0].strip()
        if len(values) > 1 or not value.isascii() or not value.isdigit() or not least <= int(value[:12]) <= most:
            raise invalid(f"{key} is one whole number from {least} to {most}.")
        return int(value)

    def map(self, key: str) -> Answers:
        entries = self._left.pop(key, {}).get("MapEntries", ())
        found = {one.get("Key", ""): frozenset(value.strip() for value in one.get("Values", ())) for one in entries}
        if not found or "" in found or len(found) != len(entries):
            raise invalid(f"{self._name} needs {key}: MapEntries with a Key for each question, once, and its Values.")
        return found

    def done(self) -> None:
        if self._left:
            raise invalid(f"{self._name} has no parameter {min(self._left)}.")
