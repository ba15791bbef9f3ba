"""An AnswerKey: what the answers of a qualification test are worth.

Source: the XML schema AnswerKey 2005-10-01, and the developer guide's article on its data structure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from xml.etree.ElementTree import Element

from backend.mturk import xml
from backend.mturk.form import Choice, Form, Given


@dataclass(frozen=True, slots=True)
class KeyedQuestion:
    """The scores of one question: of each exact set of selections, and of any other answer."""

    scores: Mapping[frozenset[str], int]
    default: int = 0

    def score(self, given: Given | None) -> int:
        return self.default if given is None else self.scores.get(frozenset(given.selections), self.default)


@dataclass(frozen=True, slots=True)
class Percentage:
    """100 · sum ÷ maximum, halves up."""

    maximum: int

    def value(self, total: int) -> int:
        return int((Decimal(100) * total / self.maximum).quantize(Decimal(1), ROUND_HALF_UP))


@dataclass(frozen=True, slots=True)
class Scale:
    """sum · multiplier, halves up."""

    multiplier: Decimal

    def value(self, total: int) -> int:
        return int((self.multiplier * total).quantize(Decimal(1), ROUND_HALF_UP))


@dataclass(frozen=True, slots=True)
class Ranges:
    """The value of the first range that holds the sum; both bounds belong to it."""

    ranges: tuple[tuple[int, int, int], ...]
    otherwise: int

    def value(self, total: int) -> int:
        return next((value for least, most, value in self.ranges if least <= total <= most), self.otherwise)


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """A key: questions by their identifiers, and how their sum becomes a qualification's value."""

    questions: Mapping[str, KeyedQuestion]
    mapping: Percentage | Scale | Ranges | None = None

    def score(self, answers: Mapping[str, Given]) -> int:
        """The value that these answers earn."""
        total = sum(question.score(answers.get(name)) for name, question in self.questions.items())
        return total if self.mapping is None else self.mapping.value(total)


def read_answer_key(text: str) -> AnswerKey:
    """A key as it stands in a request.

    Raises:
        RequestError: it breaks the schema; the sentence says where.
    """
    root = xml.parse(text)
    if xml.local(root) != "AnswerKey":
        raise xml.malformed(f"An answer key is an AnswerKey, not {xml.local(root)}.")
    xml.only(root, "Question", "QualificationValueMapping")
    questions: dict[str, KeyedQuestion] = {}
    for element in xml.many(root, "Question"):
        name = xml.text(xml.needed(element, "QuestionIdentifier"))
        if name in questions:
            raise xml.malformed(f"The question '{name}' stands twice in the key.")
        questions[name] = _question(element)
    if not questions:
        raise xml.malformed("An AnswerKey has at least one Question.")
    return AnswerKey(questions, _mapping(xml.one(root, "QualificationValueMapping")))


def fits(key: AnswerKey, form: Form) -> str | None:
    """Why a key can't score a form; None if it can. Only selections can be scored, and none with a text of one's own."""
    answers = {asked.identifier: asked.answer for asked in form.asked}
    for name, question in key.questions.items():
        answer = answers.get(name)
        if not isinstance(answer, Choice):
            return f"The key's question '{name}' is no question of the test that is answered by selections."
        if answer.other is not None:
            return f"The question '{name}' takes a text of one's own, which a key can't score."
        unknown = set().union(*question.scores) - answer.identifiers
        if unknown:
            return f"The key of '{name}' names a selection that the test doesn't have: {min(unknown)}."
    return None


def _question(element: Element) -> KeyedQuestion:
    xml.only(element, "QuestionIdentifier", "AnswerOption", "DefaultScore")
    scores: dict[frozenset[str], int] = {}
    for option in xml.many(element, "AnswerOption"):
        chosen = frozenset(xml.text(one) for one in xml.many(option, "SelectionIdentifier"))
        scores.setdefault(chosen, xml.whole(xml.needed(option, "AnswerScore")))
    if not scores:
        raise xml.malformed("A question of the key has at least one AnswerOption.")
    default = xml.one(element, "DefaultScore")
    return KeyedQuestion(scores, 0 if default is None else xml.whole(default))


def _mapping(element: Element | None) -> Percentage | Scale | Ranges | None:
    if element is None:
        return None
    xml.only(element, "PercentageMapping", "ScaleMapping", "RangeMapping")
    if len(element) != 1:
        raise xml.malformed("QualificationValueMapping holds one mapping.")
    return _MAPPINGS[xml.local(element[0])](element[0])


def _percentage(element: Element) -> Percentage:
    return Percentage(xml.whole(xml.needed(element, "MaximumSummedScore"), 1))


def _scale(element: Element) -> Scale:
    given = xml.text(xml.needed(element, "SummedScoreMultiplier")).strip()
    try:
        multiplier = Decimal(given)
    except InvalidOperation:
        multiplier = Decimal("NaN")
    if not multiplier.is_finite() or abs(multiplier) > 10**6:
        raise xml.malformed(f"SummedScoreMultiplier is a number up to a million, not '{given[:40]}'.")
    return Scale(multiplier)


def _ranges(element: Element) -> Ranges:
    names = ("InclusiveLowerBound", "InclusiveUpperBound", "QualificationValue")
    found = [
        (whole[0], whole[1], whole[2])
        for one in xml.many(element, "SummedScoreRange")
        if (whole := [xml.whole(xml.needed(one, name)) for name in names])
    ]
    if not found or any(least > most for least, most, _ in found):
        raise xml.malformed("A RangeMapping has ranges whose lower bound is not above the upper one.")
    return Ranges(tuple(found), xml.whole(xml.needed(element, "OutOfRangeQualificationValue")))


_MAPPINGS = {"PercentageMapping": _percentage, "ScaleMapping": _scale, "RangeMapping": _ranges}
