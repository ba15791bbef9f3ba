"""What a consensus is made from: the class that an answer chooses, or the boxes, spans or classes that it names."""

import json
from collections.abc import Mapping
from typing import Any

from piecework.domain.content import canonical_json

CHOICES = ("label", "classifier", "image-classifier", "pairwise")
"""Templates whose answers choose one class each."""
SEVERAL = ("classifier-multi-select", "image-classifier-multi-select")
"""Those whose answers choose several."""
PARTS: Mapping[str, str] = {
    "bounding-box": "boxes",
    "entity-annotation": "spans",
    **dict.fromkeys(SEVERAL, "multilabel"),
}
"""Templates whose answers have several parts, and the kind of `outcomes` that these come to."""
_PART: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "boxes": ("boundingBoxes", ("label", "left", "top", "width", "height")),
    "spans": ("entities", ("label", "startOffset", "endOffset")),
}
LONGEST = 200
"""Characters of a class that a job without labels may be answered with; longer ones are texts."""


def label_of(template: str, answer: Any) -> str | None:
    """The class that an answer to a job of that template says, None for an answer that isn't one class.

    Example: label_of("classifier", {"label": "car"}) is "car".
    """
    if template not in CHOICES:
        return None
    if isinstance(answer, dict):
        answer = answer.get("winner" if template == "pairwise" else "label")
    return answer if isinstance(answer, str) and 0 < len(answer) <= LONGEST else None


def parts_of(template: str, answer: Any) -> str | None:
    """The parts of an answer to a job of that template as canonical JSON, in an order of their own; None for an answer that has none.

    Example: parts_of("classifier-multi-select", {"labels": ["b", "a"]}) is '["a","b"]'.
    """
    kind = PARTS.get(template)
    if kind is None or not isinstance(answer, dict):
        return None
    name, fields = _PART.get(kind, ("labels", ()))
    found = answer.get(name)
    if not isinstance(found, list):
        return None
    parts = [canonical_json({field: one[field] for field in fields} if fields else one) for one in found]
    return "[" + ",".join(part.decode() for part in sorted(parts)) + "]"


def said_of(template: str, answer: Any) -> str | None:
    """What of an answer a consensus is made from: its class, or its parts; None for what is compared as a whole."""
    label = label_of(template, answer)
    return parts_of(template, answer) if label is None else label


def key_of(template: str, text: str) -> str:
    """What two answers must share to be called the same.

    Args:
        text: an answer's canonical JSON.
    """
    value = json.loads(text)
    if template == "pairwise" and isinstance(value, dict):
        value = value.get("winner", value)
    elif template in CHOICES and isinstance(value, dict) and "label" in value:
        value = value["label"]
    elif template in SEVERAL and isinstance(value, dict) and isinstance(value.get("labels"), list):
        value = " + ".join(sorted(map(str, value["labels"]))) or "none"
    if isinstance(value, str):
        text = value
    return text
