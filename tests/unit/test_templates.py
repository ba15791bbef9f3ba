"""Every template's examples fit its schemas, and what doesn't fit is refused."""

import subprocess
import sys
from typing import Any

import jsonschema_rs
import pytest

from piecework.domain.errors import Invalid
from piecework.domain.templates import TEMPLATES, Template, template

ALL = list(TEMPLATES.values())


def fits(schema: Any, value: Any) -> bool:
    jsonschema_rs.meta.validate(schema)
    return jsonschema_rs.validator_for(schema).is_valid(value)


def answer_of(name: str, changed: Any) -> bool:
    """Whether a changed answer still fits."""
    found = template(name)
    return fits(found.answer_schema(found.labels_example, found.options_example), changed)


@pytest.mark.parametrize("found", ALL, ids=lambda found: found.name)
def test_a_templates_examples_fit(found: Template) -> None:
    assert fits(found.unit, found.unit_example)
    assert fits(found.options, dict(found.options_example))
    assert fits(found.answer_schema(found.labels_example, found.options_example), found.answer_example)
    assert found.labels[0] <= len(found.labels_example) <= found.labels[1]


@pytest.mark.parametrize("found", [t for t in ALL if t.labels_example], ids=lambda found: found.name)
def test_a_label_that_the_job_has_not_is_refused(found: Template) -> None:
    assert not fits(found.answer_schema(("unheard-of",), {}), found.answer_example)


@pytest.mark.parametrize("found", [t for t in ALL if t.name not in ("label", "html", "survey")], ids=lambda found: found.name)
@pytest.mark.parametrize("wrong", [None, 7, [], {}, {"nonsense": True}, ""], ids=repr)
def test_something_else_is_no_answer(found: Template, wrong: Any) -> None:
    assert not fits(found.answer_schema(found.labels_example, found.options_example), wrong)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("survey", {}),
        ("survey", {"heard": {"yes": True, "no": True}}),
        ("survey", {"heard": {"yes": False, "no": False}}),
        ("survey", {"heard": {"yes": True, "no": False}, "quality": 6}),
        ("survey", {"heard": {"yes": True, "no": False}, "remark": ""}),
        ("survey", {"heard": {"yes": True, "no": False}, "colour": "red"}),
        ("pairwise", {"winner": "left", "strength": 8, "rationale": "so"}),
        ("pairwise", {"winner": "left", "strength": 3}),
        ("pairwise", {"winner": "neither", "strength": 3, "rationale": "so"}),
        ("ranking", {"order": ["a", "a"]}),
        ("label", "maybe"),
        ("text", "x" * 2001),
        ("line", {"lines": [{"label": "car", "vertices": [{"x": 1, "y": 1}]}], "inputImageProperties": {"height": 1, "width": 1}}),
        ("bounding-box", {"boundingBoxes": [{"label": "car", "left": -1, "top": 0, "width": 1, "height": 1}]}),
        ("keypoint", {"keypoints": [{"label": "car", "x": 1, "y": 1}]}),
    ],
)
def test_an_answer_that_is_nearly_right_is_refused(name: str, answer: Any) -> None:
    assert not answer_of(name, answer)


def test_without_labels_a_label_is_anything() -> None:
    assert fits(template("label").answer_schema(None, {}), {"seen": ["a duck"]})


def test_a_comparison_may_do_without_ties() -> None:
    schema = template("pairwise").answer_schema(None, {"tie": False})
    assert fits(schema, {"winner": "left", "strength": 1}) and not fits(schema, {"winner": "tie", "strength": 1})


def test_a_template_that_is_unknown_is_named_with_those_that_are_there() -> None:
    with pytest.raises(Invalid, match="no template 'boxes'; use one of label"):
        template("boxes")


HOSTILE = """
import resource
from piecework.domain.answers import AnswerCheck
from piecework.domain.errors import Invalid
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
labels = [f"label {number}" for number in range(3_000)]
check = AnswerCheck({"template": "classifier-multi-select", "labels": labels, "answer_schema": None})
try:
    check({"labels": [f"wrong {number}" for number in range(20_000)]})
except Invalid as error:
    print(error.sentence[:50])
"""
"""A worker's answer of 260 KB to a job with 3,000 labels, in a gigabyte."""


def test_an_answer_that_is_wrong_in_ten_thousand_places_is_refused_at_the_first() -> None:
    run = subprocess.run([sys.executable, "-c", HOSTILE], capture_output=True, text=True, timeout=120)
    assert run.stdout.startswith("The answer isn't what the job asks for"), run.stderr
