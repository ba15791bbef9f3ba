"""The examples in OpenAPI are what the API takes."""

import msgspec

from backend.api.bodies import Body
from backend.api.examples import EXAMPLES
from backend.api.schema import _Spec
from backend.app import ROOMS


def test_every_body_has_an_example_that_fits_it() -> None:
    assert ROOMS  # their import is what tells the types
    bodies = {kind.__name__: kind for kind in _Spec.types if isinstance(kind, type) and issubclass(kind, Body)}
    assert bodies and set(bodies) <= set(EXAMPLES)
    for name, kind in bodies.items():
        msgspec.convert(EXAMPLES[name], kind)
