"""What simulated workers say: an answer that every template takes, what they were told to where there is a place for it."""

import json
import random

import pytest

from piecework.crowd.answers import Mind
from piecework.crowd.pages import form_fields, read_page
from piecework.crowd.profiles import Profile, dealt, read_profile
from piecework.domain.answers import AnswerCheck, answer_schema
from piecework.domain.errors import Invalid
from piecework.domain.templates import TEMPLATES

NS = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2005-10-01/QuestionForm.xsd"
FORM = (
    f'<QuestionForm xmlns="{NS}"><Question><QuestionIdentifier>q</QuestionIdentifier><QuestionContent><Text>?</Text></QuestionContent>'
    "<AnswerSpecification><SelectionAnswer><MinSelectionCount>2</MinSelectionCount><MaxSelectionCount>2</MaxSelectionCount><Selections>"
    + "".join(f"<Selection><SelectionIdentifier>{one}</SelectionIdentifier><Text>{one}</Text></Selection>" for one in "abc")
    + "</Selections></SelectionAnswer></AnswerSpecification></Question><Question><QuestionIdentifier>n</QuestionIdentifier>"
    "<QuestionContent><Text>?</Text></QuestionContent><AnswerSpecification><FreeTextAnswer><Constraints>"
    '<IsNumeric minValue="3" maxValue="5"/></Constraints></FreeTextAnswer></AnswerSpecification></Question></QuestionForm>'
)


def mind(text: str, accuracy: float = 1.0, seed: int = 1) -> Mind:
    return Mind(read_profile(text), random.Random(seed), accuracy)


@pytest.mark.parametrize("profile", ["random", "spam", "rule:yes"])
@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_gets_an_answer_that_it_takes(name: str, profile: str) -> None:
    template = TEMPLATES[name]
    manifest = {"template": name, "labels": list(template.labels_example) or None, "options": dict(template.options_example)}
    schema, check = answer_schema(manifest), AnswerCheck(manifest)
    for seed in range(20):
        worker = mind(profile, seed=seed)
        check(worker.answer(schema, worker.said({})))


@pytest.mark.parametrize(
    ("schema", "said", "answer"),
    [
        ({"enum": ["a", "b"]}, "b", "b"),
        ({"anyOf": [{"$ref": "#/$defs/label"}], "$defs": {"label": {}}}, {"any": 1}, {"any": 1}),
        ({"type": "number", "minimum": 1, "maximum": 5}, "4", 4),
        ({"type": "string", "maxLength": 3}, "abcdef", "abc"),
        ({"type": "object", "required": ["label"], "properties": {"label": {"enum": ["x", "y"]}}}, "y", {"label": "y"}),
        ({"type": "array", "items": {"enum": ["x", "y"]}, "uniqueItems": True}, ["y", "x", "y"], ["y", "x"]),
    ],
)
def test_what_is_meant_is_said_where_there_is_a_place_for_it(schema: dict[str, object], said: object, answer: object) -> None:
    assert mind("rule:anything").answer(schema, said) == answer


def test_a_rule_is_filled_in_and_a_column_is_read() -> None:
    assert mind("rule:{a} and {b}").said({"a": 1}) == "1 and {b}"
    assert mind("column:truth").said({"truth": {"label": "x"}}) == {"label": "x"}
    assert mind("column:truth", accuracy=0).said({"truth": "x"}) is None
    right = sum(mind("column:truth", 0.8, seed).said({"truth": 1}) == 1 for seed in range(1_000))
    assert 750 < right < 850


def test_shares_are_kept_to() -> None:
    mixed = [read_profile("column:truth@8"), read_profile("spam@2")]
    hands = dealt(mixed, 20, random.Random(1))
    assert hands.count(mixed[0]) == 16 and hands.count(mixed[1]) == 4
    assert len(dealt([Profile("random")] * 3, 7, random.Random(1))) == 7


@pytest.mark.parametrize("text", ["", "clever", "rule", "rule:", "column", "random:x", "spam@0", "spam@-1", "@3"])
def test_a_profile_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="no profile"):
        read_profile(text)


def test_a_pages_fields_are_filled_in() -> None:
    worker = mind("rule:b")
    page = read_page(
        "<form><input type=hidden name=assignmentId value=x><input type='hidden' name='item' value='7'><input type=radio name=r value=a>"
        "<input type=radio name=r value=b><textarea name=t></textarea><select name=s><option value=1><option value=b></select>"
        "<input type=submit name=go></form>"
    )
    assert page.hidden == {"item": "7"}
    assert dict(page.fields("b", worker.choose, worker.write)) == {"item": "7", "r": "b", "t": "b", "s": "b"}
    crowd = read_page("<crowd-form><crowd-classifier name='label' categories=\"['a', 'b']\"></crowd-classifier></crowd-form>")
    ((name, text),) = crowd.fields("b", worker.choose, worker.write)
    assert (name, json.loads(text)) == ("taskAnswers", [{"label": "b"}])
    assert read_page("<p>nothing").choices == {"answer": []}


def test_a_forms_counts_and_numbers_are_kept_to() -> None:
    worker = mind("rule:b")
    assert form_fields(FORM, "b", worker.choose, worker.write)[:2] == [("q", "b"), ("q", "a")]
    fields = form_fields(FORM, "4", worker.choose, worker.write)
    assert len({value for name, value in fields if name == "q"}) == 2 and ("n", "4") in fields
    assert dict(form_fields(FORM, None, worker.choose, worker.write))["n"] in "345"
    with pytest.raises(Invalid, match="can't be read"):
        form_fields("<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", None, worker.choose, worker.write)
