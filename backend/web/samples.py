"""A unit, labels and options for each template, with which the gallery shows it: what is there offline, and looks like work."""

import io
import math
import wave
from dataclasses import dataclass, field
from typing import Any

from piecework.domain.templates import TEMPLATES

STREET = {"source-ref": "/static/crowd/sample.svg", "alt": "A street with a car, a bicycle and a tree"}
RECORDING = {"source-ref": "/gallery/sample.wav"}
TEXT = {"source": "The train was two hours late, but the tea on board was excellent and nobody minded. 🚂"}
PAGE = """<crowd-form>
  <p>How many windows does the house have?</p>
  <img src="${picture}" alt="A street" width="320">
  <crowd-input name="windows" type="number" label="Windows" min="0" required></crowd-input>
  <script>document.querySelector("crowd-form").onsubmit = () => console.log("sent");</script>
</crowd-form>"""
SECONDS, RATE = 4, 8_000


@dataclass(frozen=True, slots=True)
class Sample:
    """What a task page is made of."""

    unit: Any
    labels: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    instructions: str = ""
    page: str | None = None


_OWN: dict[str, Sample] = {
    "label": Sample("Is this picture sharp?", ("yes", "no"), instructions="Look at the edges of things."),
    "survey": Sample(RECORDING, (), dict(TEMPLATES["survey"].options_example), "Listen once, then answer."),
    "pairwise": Sample(
        {
            "prompt": "Why is the sky blue?",
            "left": "Air scatters short waves of sunlight more than long ones, so blue reaches us from every side.",
            "right": "Because it mirrors the sea.",
        },
        (),
        {"scale": 7, "rationale": "required"},
    ),
    "ranking": Sample(
        {
            "prompt": "Put these headlines in order, the clearest first.",
            "items": [
                {"id": "a", "source": "Council votes for a new bridge"},
                {"id": "b", "source": "Bridge: what next after the vote nobody expected?"},
                {"id": "c", "source": "New bridge approved, 31 votes to 12"},
            ],
        }
    ),
    "html": Sample({"picture": STREET["source-ref"]}, page=PAGE),
    "entity-annotation": Sample(
        {"source": "😀 Ada Lovelace met Charles Babbage in London in 1833."}, ("person", "place"), {}, "Mark every person and place."
    ),
    "translation": Sample(TEXT | {"prompt": "Translate into French."}, (), {"rows": 4, "max-length": 2000, "language": "fr"}),
    "image-classifier-multi-select": Sample(
        STREET, ("car", "bicycle", "tree"), {"exclusion-category": {"text": "None of the above"}}
    ),
}


def sample(name: str) -> Sample:
    """The sample of a template; made from the template's own examples where nothing better is there."""
    if name in _OWN:
        return _OWN[name]
    kind = TEMPLATES[name]
    return Sample(_unit(kind.unit_example), kind.labels_example, dict(kind.options_example), kind.about)


def _unit(example: Any) -> Any:
    address = example.get("source-ref", "") if isinstance(example, dict) else ""
    if address:
        return STREET if address.endswith(".jpg") else RECORDING
    return TEXT


def sound() -> bytes:
    """Four seconds of WAV: two tones with silence between, so that segments have something to mark."""
    frames = bytearray()
    for at in range(SECONDS * RATE):
        pitch = {0: 440, 1: 0, 2: 660, 3: 0}[at // RATE]
        frames.append(128 + round(50 * math.sin(2 * math.pi * pitch * at / RATE)))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(RATE)
        file.writeframes(bytes(frames))
    return out.getvalue()
