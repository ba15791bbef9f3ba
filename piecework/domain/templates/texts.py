"""Templates over a text, a recording or a film."""

from typing import Any

from piecework.domain.templates.template import ADDRESS, FLAG, LABEL, LENGTH, TEXT, Schema, Template, listing, record

PASSAGE: Schema = {"type": "object", "required": ["source"], "properties": {"source": TEXT, "initial-value": {}}}
RECORDING: Schema = {"type": "object", "required": ["source-ref"], "properties": {"source-ref": ADDRESS}}
EITHER: Schema = {"type": "object", "anyOf": [PASSAGE, RECORDING]}
PASSAGE_EXAMPLE = {"source": "The train was late, but the tea was good."}
MOODS = ("positive", "negative", "neutral")
COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": 100_000}
WRITING = record({}, {"rows": COUNT, "min-length": COUNT, "max-length": COUNT, "placeholder": TEXT, "language": TEXT})
OFFSET: Schema = {"type": "integer", "minimum": 0}
MODIFIED = {"initialValueModified": FLAG}


def _written(options: Any) -> Schema:
    """A text within the job's lengths, counted in Unicode characters."""
    return {"type": "string", "minLength": options.get("min-length", 1), "maxLength": options.get("max-length", 100_000)}


def _writing(name: str, title: str, about: str, unit: Schema, unit_example: Any, example: str) -> Template:
    return Template(
        name=name,
        title=title,
        about=about,
        element="crowd-text-area",
        unit=unit,
        answer=_written({}),
        unit_example=unit_example,
        answer_example=example,
        options=WRITING,
        options_example={"rows": 4, "max-length": 2000},
        specialise=_written,
    )


TEXTS = (
    Template(
        name="classifier",
        title="Text classification",
        about="Say which one of the categories a text belongs to; sentiment is such a question.",
        element="crowd-classifier",
        unit=PASSAGE,
        answer=record({"label": LABEL}),
        unit_example=PASSAGE_EXAMPLE,
        answer_example={"label": "positive"},
        labels=(1, 10_000),
        labels_example=MOODS,
    ),
    Template(
        name="classifier-multi-select",
        title="Text classification, several categories",
        about="Say which of the categories a text belongs to.",
        element="crowd-classifier-multi-select",
        unit=PASSAGE,
        answer=record({"labels": listing(LABEL, uniqueItems=True)}),
        unit_example=PASSAGE_EXAMPLE,
        answer_example={"labels": ["positive", "negative"]},
        labels=(1, 10_000),
        labels_example=MOODS,
    ),
    Template(
        name="entity-annotation",
        title="Named entities",
        about="Mark the names in a text. Offsets count Unicode characters, the end is the first one after the name.",
        element="crowd-entity-annotation",
        unit=PASSAGE,
        answer=record(
            {"entities": listing(record({"label": LABEL, "startOffset": OFFSET, "endOffset": OFFSET}))}, MODIFIED
        ),
        unit_example={"source": "Ada met Charles in London."},
        answer_example={"entities": [{"label": "person", "startOffset": 0, "endOffset": 3}]},
        labels=(1, 100),
        labels_example=("person", "place"),
    ),
    _writing("text", "Free text", "Write a text about what is shown.", EITHER, PASSAGE_EXAMPLE, "A remark on a journey."),
    _writing(
        "transcription",
        "Transcription",
        "Write down what is said in a recording, or what stands in a picture.",
        RECORDING,
        {"source-ref": "https://example.org/recordings/3.ogg"},
        "Good morning, this is platform two.",
    ),
    _writing(
        "translation", "Translation", "Translate a text.", PASSAGE, PASSAGE_EXAMPLE, "Le train avait du retard."
    ),
    Template(
        name="timeline",
        title="Segments of a recording",
        about="Mark from when to when something happens in a film or a recording, in seconds.",
        element="x-crowd-timeline",
        unit=RECORDING,
        answer=record({"segments": listing(record({"start": LENGTH, "end": LENGTH, "label": LABEL}))}, MODIFIED),
        unit_example={"source-ref": "https://example.org/films/9.mp4"},
        answer_example={"segments": [{"start": 1.5, "end": 4.25, "label": "speech"}]},
        labels=(1, 100),
        labels_example=("speech", "music"),
    ),
)
