"""What an answer must look like: the JSON Schema of a job's template, or the job's own."""

from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from piecework.domain.errors import Invalid
from piecework.domain.reports import report_of
from piecework.domain.templates import TEMPLATES, Schema

_PATTERNS = jsonschema_rs.RegexOptions(size_limit=1 << 20, dfa_size_limit=1 << 20)
"""Patterns are matched in linear time; what only a backtracking engine can match is refused with the schema."""


def answer_schema(manifest: Mapping[str, Any]) -> Schema:
    """What the answers to a job must look like."""
    own = manifest.get("answer_schema")
    if own is not None:
        return dict(own)
    return TEMPLATES[manifest["template"]].answer_schema(manifest["labels"], manifest.get("options", {}))


def compiled(schema: Schema) -> jsonschema_rs.Validator:
    """A schema made ready; it fetches nothing, and its patterns can't run away.

    Raises:
        Invalid: it isn't a JSON Schema, or asks for something from elsewhere.
    """
    try:
        return jsonschema_rs.Draft202012Validator(schema, pattern_options=_PATTERNS, offline=True)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"The answer schema can't be used: {str(error).splitlines()[0]}.") from None


def first_error(validator: jsonschema_rs.Validator, value: Any) -> jsonschema_rs.ValidationError | None:
    """The first thing that is wrong with a value. Not by `iter_errors`: that makes all of them at once, each with a copy of what it is
    about, and what somebody wrote on purpose has a hundred thousand."""
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        return error
    return None


def sentence_of(error: jsonschema_rs.ValidationError) -> str:
    """Where an answer is wrong and why, in one line."""
    place = "/".join(map(str, error.instance_path))
    why = error.message if len(error.message) <= 300 else error.message[:300] + " …"
    return f"at {place}: {why}" if place else why


class AnswerCheck:
    """Holds answers to one job's schema, compiled once.

    Args:
        manifest: the job's.

    Raises:
        Invalid: the schema can't be used.
    """

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self._validator = compiled(answer_schema(manifest))
        self.reports: Mapping[str, Any] | None = manifest.get("reports")

    def __call__(self, answer: Any) -> None:
        """Refuses an answer that isn't what the job asks for, nor a report that it takes.

        Raises:
            Invalid: the sentence says where and why.
        """
        if report_of(answer, self.reports) is not None:
            return
        error = first_error(self._validator, answer)
        if error is not None:
            raise Invalid(f"The answer isn't what the job asks for: {sentence_of(error)}.")
