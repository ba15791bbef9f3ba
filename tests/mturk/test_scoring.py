"""Tests, requirements and review policies say what the documentation's examples say."""

import pytest

from backend.mturk.answer_key import fits, read_answer_key
from backend.mturk.errors import RequestError
from backend.mturk.funder import native
from backend.mturk.form import Given
from backend.mturk.policies import KNOWN, PLURALITY, plurality, read_known, read_plurality
from backend.mturk.questions import read_answer_form
from backend.mturk.requirements import LOCALE, read_requirements
from piecework.domain.requirements import Requirement, requirement

NS = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2005-10-01"
KEY = f"""<AnswerKey xmlns="{NS}/AnswerKey.xsd">
<Question><QuestionIdentifier>one</QuestionIdentifier>
<AnswerOption><SelectionIdentifier>a</SelectionIdentifier><AnswerScore>10</AnswerScore></AnswerOption>
<AnswerOption><SelectionIdentifier>a</SelectionIdentifier><SelectionIdentifier>b</SelectionIdentifier><AnswerScore>-3</AnswerScore></AnswerOption>
<DefaultScore>1</DefaultScore></Question>
<Question><QuestionIdentifier>two</QuestionIdentifier>
<AnswerOption><SelectionIdentifier>x</SelectionIdentifier><AnswerScore>5</AnswerScore></AnswerOption></Question>%s</AnswerKey>"""
PERCENT = "<QualificationValueMapping><PercentageMapping><MaximumSummedScore>15</MaximumSummedScore></PercentageMapping></QualificationValueMapping>"
SCALE = "<QualificationValueMapping><ScaleMapping><SummedScoreMultiplier>1.5</SummedScoreMultiplier></ScaleMapping></QualificationValueMapping>"
RANGE = """<QualificationValueMapping><RangeMapping><SummedScoreRange><InclusiveLowerBound>10</InclusiveLowerBound>
<InclusiveUpperBound>15</InclusiveUpperBound><QualificationValue>2</QualificationValue></SummedScoreRange>
<OutOfRangeQualificationValue>0</OutOfRangeQualificationValue></RangeMapping></QualificationValueMapping>"""


def answers(one: str, two: str) -> dict[str, Given]:
    return {"one": Given(selections=tuple(one)), "two": Given(selections=tuple(two))}


@pytest.mark.parametrize(
    ("mapping", "given", "value"),
    [
        ("", answers("a", "x"), 15),
        ("", answers("ba", "x"), 2),
        ("", answers("b", "y"), 1),
        ("", {}, 1),
        (PERCENT, answers("a", "x"), 100),
        (PERCENT, answers("a", ""), 67),
        (SCALE, answers("a", "x"), 23),
        (RANGE, answers("a", ""), 2),
        (RANGE, answers("b", "x"), 0),
    ],
)
def test_a_key_scores_exact_sets(mapping: str, given: dict[str, Given], value: int) -> None:
    assert read_answer_key(KEY % mapping).score(given) == value


def test_a_key_that_cannot_score_its_test_is_told() -> None:
    question = (
        "<Question><QuestionIdentifier>one</QuestionIdentifier><QuestionContent><Text>?</Text></QuestionContent><AnswerSpecification>"
        "<FreeTextAnswer/></AnswerSpecification></Question>"
    )
    form = read_answer_form(f'<QuestionForm xmlns="{NS}/QuestionForm.xsd">{question}</QuestionForm>')
    assert "answered by selections" in (fits(read_answer_key(KEY % ""), form) or "")


PLACES = [{"Country": "US", "Subdivision": "PA"}, {"Country": "DE"}]


def as_a_job_has_it(**given: object) -> Requirement:
    """A requirement of the interface, as the job of its HITs asks it."""
    (read,) = read_requirements([given])
    return requirement(native(read))


@pytest.mark.parametrize(
    ("comparator", "values", "held", "met"),
    [
        ("GreaterThan", [5], 6, True),
        ("GreaterThan", [5], 5, False),
        ("GreaterThanOrEqualTo", [5], 5, True),
        ("LessThan", [5], 5, False),
        ("LessThanOrEqualTo", [5], 5, True),
        ("EqualTo", [5], 5, True),
        ("NotEqualTo", [5], 5, False),
        ("In", [1, 5], 5, True),
        ("NotIn", [1, 5], 5, False),
        ("NotIn", [1, 5], None, False),
        ("Exists", None, 0, True),
        ("Exists", None, None, False),
        ("DoesNotExist", None, None, True),
        ("DoesNotExist", None, 3, False),
    ],
)
def test_every_comparator(comparator: str, values: list[int] | None, held: int | None, met: bool) -> None:
    given = {"QualificationTypeId": "3T", "Comparator": comparator} | ({"IntegerValues": values} if values else {})
    assert as_a_job_has_it(**given).met(held) is met


@pytest.mark.parametrize(
    ("comparator", "held", "met"),
    [
        ("In", "US-PA", True),
        ("In", "US-NY", False),
        ("In", "DE-BE", True),
        ("In", "DE", True),
        ("In", None, False),
        ("NotIn", "US-NY", True),
        ("NotIn", "DE-BE", False),
    ],
)
def test_a_country_holds_its_parts(comparator: str, held: str | None, met: bool) -> None:
    asked = as_a_job_has_it(QualificationTypeId=LOCALE, Comparator=comparator, LocaleValues=PLACES)
    assert asked.met(held) is met


def test_an_action_needs_only_what_guards_it() -> None:
    requirements = read_requirements(
        [
            {"QualificationTypeId": "3A", "Comparator": "Exists"},
            {"QualificationTypeId": "3B", "Comparator": "Exists", "RequiredToPreview": True},
            {"QualificationTypeId": "3C", "Comparator": "Exists", "ActionsGuarded": "DiscoverPreviewAndAccept"},
        ]
    )
    asked = [requirement(native(one)) for one in requirements]
    guarding = {action: [one.guarding(action) for one in asked] for action in ("accept", "preview", "discover")}
    assert guarding == {"accept": [True, True, True], "preview": [False, True, True], "discover": [False, False, True]}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Comparator": "EqualTo"}, "needs IntegerValues"),
        ({"Comparator": "EqualTo", "IntegerValues": [1, 2]}, "at most 1"),
        ({"Comparator": "In", "IntegerValues": list(range(16))}, "at most 15"),
        ({"Comparator": "Exists", "IntegerValues": [1]}, "takes no values"),
        ({"Comparator": "EqualTo", "LocaleValues": [{"Country": "US"}]}, "needs IntegerValues"),
        ({"Comparator": "Exists", "RequiredToPreview": False, "ActionsGuarded": "PreviewAndAccept"}, "contradict"),
        ({"QualificationTypeId": LOCALE, "Comparator": "LessThan", "LocaleValues": [{"Country": "US"}]}, "takes the comparators"),
        ({"QualificationTypeId": LOCALE, "Comparator": "EqualTo", "LocaleValues": PLACES}, "at most 1"),
    ],
)
def test_a_requirement_that_breaks_a_rule_is_told(given: dict[str, object], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        read_requirements([{"QualificationTypeId": "3T"} | given])


def known(**parameters: str) -> dict[str, object]:
    key = {"Key": "AnswerKey", "MapEntries": [{"Key": "a", "Values": ["Yes"]}, {"Key": "b", "Values": ["x", "y"]}, {"Key": "c", "Values": [""]}]}
    return {"PolicyName": KNOWN, "Parameters": [key, *({"Key": name, "Values": [value]} for name, value in parameters.items())]}


def test_known_answers_are_compared_as_sets_by_case() -> None:
    policy = read_known(known())
    assert policy.score({"a": frozenset({"Yes"}), "b": frozenset({"y", "x"}), "c": frozenset()}) == 66
    assert policy.score({"a": frozenset({"yes"}), "b": frozenset({"x"})}) == 0


@pytest.mark.parametrize(
    ("approve", "reject", "score", "verdict"),
    [("0", "0", 0, (True, False)), ("101", "101", 100, (False, True)), ("80", "80", 80, (True, False)), ("80", "50", 60, (False, False))],
)
def test_bounds_0_and_101_mean_always_and_never(approve: str, reject: str, score: int, verdict: tuple[bool, bool]) -> None:
    policy = read_known(known(ApproveIfKnownAnswerScoreIsAtLeast=approve, RejectIfKnownAnswerScoreIsLessThan=reject))
    assert policy.verdict(score)[:2] == verdict


def test_the_worked_example_of_the_documentation() -> None:
    given = {"QuestionIds": ["A,B,C,D"], "QuestionAgreementThreshold": ["50"], "DisregardAssignmentIfRejected": ["true"]}
    policy = read_plurality({"PolicyName": PLURALITY, "Parameters": [{"Key": key, "Values": value} for key, value in given.items()]})
    workers = {
        "1": {"A": "coat", "B": "blue", "C": "large", "D": "Furry"},
        "2": {"A": "sweater", "B": "blue", "C": "large", "D": "fur"},
        "3": {"A": "coat", "B": "green", "C": "large", "D": "furr"},
    }
    result = plurality(policy, {id: {question: frozenset({value}) for question, value in one.items()} for id, one in workers.items()})
    assert [(one.score, one.agreed) for one in result.questions.values()] == [(66, True), (66, True), (100, True), (33, False)]
    assert result.hit_score == 75
    assert [score for score, _, _ in result.workers.values()] == [100, 66, 66]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"QuestionIds": []}, "needs QuestionIds"),
        ({"QuestionAgreementThreshold": ["101"]}, "from 0 to 100"),
        ({"QuestionAgreementThreshold": ["half"]}, "from 0 to 100"),
        ({"ExtendIfHITAgreementScoreIsLessThan": ["60"]}, "needs ExtendMaximumAssignments"),
        ({"Mood": ["good"]}, "no parameter Mood"),
    ],
)
def test_a_policy_that_breaks_a_rule_is_told(change: dict[str, list[str]], words: str) -> None:
    given = {"QuestionIds": ["A"], "QuestionAgreementThreshold": ["50"]} | change
    with pytest.raises(RequestError, match=words):
        read_plurality({"PolicyName": PLURALITY, "Parameters": [{"Key": key, "Values": value} for key, value in given.items()]})
