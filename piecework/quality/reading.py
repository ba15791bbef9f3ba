"""Which class an answer chooses: the part of it that a consensus over classes is made from."""

from typing import Any

CHOICES = ("label", "classifier", "image-classifier", "pairwise")
"""Templates whose answers choose one class each."""
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
