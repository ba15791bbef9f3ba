"""An answer for a JSON Schema: what was meant, where the schema has a place for it, and else what the worker's nature gives."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from piecework.crowd.profiles import Profile
from piecework.domain.errors import Invalid

WORDS = ("yes", "no", "maybe", "both", "neither", "unclear", "something else")
PATTERNS = {"^[0-9]{4}-[0-9]{2}-[0-9]{2}$": "2026-01-01", "^#[0-9a-fA-F]{6}$": "#2b7de9"}
"""A text for each pattern that our templates have."""
DEEPEST = 20


class Mind:
    """Chooses and writes as a worker of a profile does.

    Args:
        profile: how it answers.
        chance: its own source of chance.
        accuracy: how often it says what it means, from 0 to 1.
    """

    def __init__(self, profile: Profile, chance: random.Random, accuracy: float = 1.0) -> None:
        self.profile, self._chance, self._accuracy = profile, chance, accuracy

    def said(self, unit: Mapping[str, Any]) -> Any:
        """What it means by a unit with these columns; None for nothing in particular."""
        return self.profile.said(unit) if self._chance.random() < self._accuracy else None

    def choose(self, values: Sequence[Any], said: Any) -> Any:
        """One of some values."""
        meant = [value for value in values if said is not None and str(value) == str(said)]
        if meant:
            return meant[0]
        return values[0] if self.profile.kind == "spam" else self._chance.choice(values)

    def write(self, said: Any) -> str:
        """A text."""
        return str(said) if said is not None else str(self.choose(WORDS, None))

    def answer(self, schema: Mapping[str, Any], said: Any, root: Mapping[str, Any] | None = None, depth: int = 0) -> Any:
        """A value for a schema (the keywords that our templates use).

        Raises:
            Invalid: the schema goes deeper than answers do.
        """
        root = root or schema
        if depth > DEEPEST:
            raise Invalid("The job's answer schema goes deeper than simulated workers do.")
        if "$ref" in schema:
            return self.answer(root.get("$defs", {}).get(schema["$ref"].rpartition("/")[2], {}), said, root, depth + 1)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self.choose(schema["enum"], said)
        if "anyOf" in schema:
            return self.answer(schema["anyOf"][0], said, root, depth + 1)
        kind = schema.get("type", "string")
        return _MAKERS[kind if isinstance(kind, str) else kind[0]](self, schema, said, root, depth + 1)

    def _object(self, schema: Mapping[str, Any], said: Any, root: Mapping[str, Any], depth: int) -> Any:
        properties = schema.get("properties", {})
        if "oneOf" in schema:
            return self._one_of(schema["oneOf"], properties, said)
        if isinstance(said, Mapping):
            return {name: self.answer(properties.get(name, {}), value, root, depth) for name, value in said.items()}
        return {name: self.answer(properties.get(name, {}), said, root, depth) for name in schema.get("required", properties)}

    def _one_of(self, branches: Sequence[Mapping[str, Any]], properties: Mapping[str, Any], said: Any) -> Any:
        """Radio buttons: exactly one of the names is true."""
        names = [next(iter(branch["properties"])) for branch in branches]
        chosen = self.choose(names, said)
        return {name: name == chosen for name in properties}

    def _array(self, schema: Mapping[str, Any], said: Any, root: Mapping[str, Any], depth: int) -> Any:
        meant = said if isinstance(said, list) else [said] * max(1, schema.get("minItems", 0))
        made: list[Any] = []
        for one in meant:
            value = self.answer(schema.get("items", {}), one, root, depth)
            for _ in range(20 if schema.get("uniqueItems") and len(made) < schema.get("minItems", 0) else 0):
                value = value if value not in made else self.answer(schema["items"], None, root, depth)
            if not schema.get("uniqueItems") or value not in made:
                made.append(value)
        return made[: schema.get("maxItems", len(made))]

    def _string(self, schema: Mapping[str, Any], said: Any, root: Mapping[str, Any], depth: int) -> Any:
        if schema.get("pattern") in PATTERNS:
            return PATTERNS[schema["pattern"]]
        if said is not None and "type" not in schema:
            return said
        text = self.write(said).ljust(schema.get("minLength", 0), ".")
        return text[: schema.get("maxLength", len(text))]

    def _number(self, schema: Mapping[str, Any], said: Any, root: Mapping[str, Any], depth: int) -> Any:
        least = int(schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1))
        return self._meant_number(said, self.choose(range(least, int(schema.get("maximum", least + 9)) + 1), said))

    def _meant_number(self, said: Any, otherwise: Any) -> Any:
        try:
            value = float(said)
        except (TypeError, ValueError):
            return otherwise
        return int(value) if value == int(value) else value

    def _boolean(self, schema: Mapping[str, Any], said: Any, root: Mapping[str, Any], depth: int) -> Any:
        return str(said).lower() in ("true", "yes", "1") if said is not None else self.choose((False, True), None)

    def _null(self, schema: Mapping[str, Any], said: Any, root: Mapping[str, Any], depth: int) -> Any:
        return None


_MAKERS = {
    "object": Mind._object, "array": Mind._array, "string": Mind._string, "number": Mind._number, "integer": Mind._number,
    "boolean": Mind._boolean, "null": Mind._null,
}
