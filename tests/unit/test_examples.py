"""The examples in OpenAPI are what the API takes, and what it answers."""

import json

import msgspec

from backend.api.answer_examples import example
from backend.api.bodies import Body
from backend.api.examples import EXAMPLES
from backend.api.schema import _Spec
from backend.app import ROOMS
from backend.mturk import keys, layouts


def test_every_body_has_an_example_that_fits_it() -> None:
    assert ROOMS and keys and layouts  # their import is what tells the types
    bodies = {kind.__name__: kind for kind in _Spec.types if isinstance(kind, type) and issubclass(kind, Body)}
    needed = {name for name, kind in bodies.items() if kind.__module__.startswith("backend.api.")}
    assert needed and needed <= set(EXAMPLES)
    for name in bodies.keys() & EXAMPLES.keys():
        msgspec.convert(EXAMPLES[name], bodies[name])


def test_every_answer_has_an_example_that_fits_it() -> None:
    assert ROOMS
    answers = [kind for kind in _Spec.types if not issubclass(kind, Body)]
    assert len(answers) > 60
    for kind in answers:
        shown = example(kind)
        msgspec.json.decode(json.dumps(shown), type=kind)
        assert shown.keys() == {field.encode_name for field in msgspec.structs.fields(kind)}, kind
