"""Templates of questions, comparisons, and a requester's own pages."""

from collections.abc import Mapping
from typing import Any

from piecework.domain.templates.template import ANYTHING, FLAG, LABEL, TEXT, Schema, Template, listing, record

WORD: Schema = {"type": "string", "minLength": 1, "maxLength": 200}
NUMBER: Schema = {"type": "number"}
KINDS = ("radio", "checkbox", "toggle", "slider", "text", "date")
SIDES = ("left", "right", "tie")
QUESTION = record(
    {"name": WORD, "kind": {"enum": list(KINDS)}, "text": WORD},
    {
        "choices": listing(WORD, minItems=1, maxItems=100, uniqueItems=True),
        "min": NUMBER,
        "max": NUMBER,
        "step": {"type": "number", "exclusiveMinimum": 0},
        "max-length": {"type": "integer", "minimum": 1, "maximum": 100_000},
        "required": FLAG,
    },
)
QUESTIONS = [
    {"name": "heard", "kind": "radio", "text": "Could you hear everything?", "choices": ["yes", "no"], "required": True},
    {"name": "wrong", "kind": "checkbox", "text": "What was wrong?", "choices": ["noise", "echo"]},
    {"name": "quality", "kind": "slider", "text": "How good is it?", "min": 1, "max": 5},
    {"name": "remark", "kind": "text", "text": "Anything else?"},
]


def _flags(names: list[str]) -> Schema:
    return record({name: FLAG for name in names})


def _one_of(names: list[str]) -> Schema:
    """Each choice with whether it is the one; exactly one is."""
    ticked = [{"properties": {name: {"const": True}}} for name in names]
    return _flags(names) | {"oneOf": ticked}


def _answer_to(question: Mapping[str, Any]) -> Schema:
    """What a question's element puts under its name; a text that was left empty isn't there."""
    kind, choices = question["kind"], question.get("choices", ["on"])
    if kind in ("radio", "checkbox", "toggle"):
        return _one_of(choices) if kind == "radio" else _flags(choices)
    if kind == "slider":
        return {"type": "number", "minimum": question.get("min", 0), "maximum": question.get("max", 100)}
    if kind == "date":
        return {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
    return {"type": "string", "minLength": 1, "maxLength": question.get("max-length", 10_000)}


def _survey(options: Mapping[str, Any]) -> Schema:
    answers = {question["name"]: _answer_to(question) for question in options["questions"]}
    needed = {question["name"] for question in options["questions"] if question.get("required")}
    return record(
        {name: schema for name, schema in answers.items() if name in needed},
        {name: schema for name, schema in answers.items() if name not in needed},
    )


def _pairwise(options: Mapping[str, Any]) -> Schema:
    """The winner, how clearly it wins (1 is barely), and which side stood left when it was asked."""
    strength: Schema = {"type": "integer", "minimum": 1, "maximum": options.get("scale", 7)}
    shown: Schema = {"enum": ["left-right", "right-left"]}
    sides = SIDES if options.get("tie", True) else SIDES[:2]
    required: dict[str, Schema] = {"winner": {"enum": list(sides)}, "strength": strength}
    rationale: dict[str, Schema] = {"rationale": {"type": "string", "minLength": 1, "maxLength": 10_000}}
    if options.get("rationale") == "required":
        return record(required | rationale, {"shown": shown})
    return record(required, rationale | {"shown": shown})


FORMS = (
    Template(
        name="label",
        title="Label",
        about="Say one of the labels of whatever the unit is, or anything where the job has none; bare, or under 'label'.",
        element=None,
        unit=ANYTHING,
        answer={"anyOf": [LABEL, record({"label": LABEL})]},
        unit_example="Is this picture sharp?",
        answer_example="yes",
        labels=(0, 10_000),
        labels_example=("yes", "no"),
    ),
    Template(
        name="survey",
        title="Survey",
        about="Answer a list of questions about what is shown.",
        element=None,
        unit={"type": "object"},
        answer={"type": "object"},
        unit_example={"source-ref": "https://example.org/recordings/3.ogg"},
        answer_example={"heard": {"yes": True, "no": False}, "wrong": {"noise": False, "echo": True}, "quality": 4},
        options=record({"questions": listing(QUESTION, minItems=1, maxItems=200)}),
        options_example={"questions": QUESTIONS},
        specialise=_survey,
    ),
    Template(
        name="pairwise",
        title="Pairwise comparison",
        about="Say which of two answers is the better one, how clearly, and why. The sides are swapped at random.",
        element="x-crowd-pairwise",
        unit={"type": "object", "required": ["left", "right"], "properties": {"prompt": TEXT}},
        answer=_pairwise({}),
        unit_example={"prompt": "Why is the sky blue?", "left": "Because of scattering.", "right": "It mirrors the sea."},
        answer_example={"winner": "left", "strength": 6, "rationale": "The right one is wrong.", "shown": "right-left"},
        options=record(
            {},
            {
                "scale": {"type": "integer", "minimum": 1, "maximum": 100},
                "rationale": {"enum": ["required", "optional"]},
                "tie": FLAG,
            },
        ),
        options_example={"scale": 7, "rationale": "required"},
        specialise=_pairwise,
    ),
    Template(
        name="ranking",
        title="Ranking",
        about="Put a few things in order, the best first; 'ties' lists those that are equally good.",
        element="x-crowd-ranking",
        unit={
            "type": "object",
            "required": ["items"],
            "properties": {
                "prompt": TEXT,
                "items": listing(
                    {"type": "object", "required": ["id"], "properties": {"id": WORD}}, minItems=2, maxItems=100
                ),
            },
        },
        answer=record(
            {"order": listing(WORD, minItems=1, uniqueItems=True)},
            {"ties": listing(listing(WORD, minItems=2, uniqueItems=True))},
        ),
        unit_example={"items": [{"id": "a", "source": "One."}, {"id": "b", "source": "Two."}]},
        answer_example={"order": ["b", "a"], "ties": []},
    ),
    Template(
        name="html",
        title="A page of one's own",
        about="A page that the requester wrote, with crowd elements; the answer has each element's output under its name.",
        element=None,
        unit={"type": "object"},
        answer={"type": "object"},
        unit_example={"question": "How many ducks?"},
        answer_example={"ducks": "4"},
    ),
)
