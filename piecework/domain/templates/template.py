"""What a task template is: what a unit must bring, and what an answer looks like."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
LABEL: Schema = {"$ref": "#/$defs/label"}
"""Stands in an answer's schema for one of the job's labels."""
ANYTHING: Schema = {}


def record(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """The schema of an object with these fields and no other."""
    properties = {**required, **(optional or {})}
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


def listing(items: Schema, **limits: Any) -> Schema:
    """The schema of an array."""
    return {"type": "array", "items": items, **limits}


TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
LENGTH: Schema = {"type": "number", "minimum": 0}
ADDRESS: Schema = {"type": "string", "minLength": 1, "maxLength": 8192}
NO_OPTIONS = record({})


@dataclass(frozen=True, slots=True)
class Template:
    """A kind of task, with an example of all that it takes and gives. The schemas are JSON Schema, draft 2020-12.

    Attributes:
        name: what a job says in `template`.
        title, about: for people.
        element: the crowd element that shows it, None where it is composed of several.
        unit: schema of a unit's content, by Ground Truth's names: `source` is text in place, `source-ref` an address.
        answer: schema of the answer, which is what the element puts under its `name`; `LABEL` stands for a label of the job.
        labels: least and most labels that a job names; (0, 0) for none at all.
        options: schema of the job's `options`.
        specialise: makes the answer's schema from the job's options, where `answer` alone would be too loose.
        labels_example, options_example, unit_example, answer_example: fit one another.
    """

    name: str
    title: str
    about: str
    element: str | None
    unit: Schema
    answer: Schema
    unit_example: Any
    answer_example: Any
    labels: tuple[int, int] = (0, 0)
    labels_example: tuple[str, ...] = ()
    options: Schema = field(default_factory=lambda: NO_OPTIONS)
    options_example: Mapping[str, Any] = field(default_factory=dict)
    specialise: Callable[[Mapping[str, Any]], Schema] | None = None

    def answer_schema(self, labels: tuple[str, ...] | list[str] | None, options: Mapping[str, Any]) -> Schema:
        """The schema of an answer to one job.

        Args:
            labels: the job's; without any, anything is a label.
            options: the job's.
        """
        label: Schema = {"enum": list(labels)} if labels else ANYTHING
        schema = self.specialise(options) if self.specialise else self.answer
        return {"$schema": DIALECT, "$defs": {"label": label}} | schema
