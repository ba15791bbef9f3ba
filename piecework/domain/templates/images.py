"""Templates over a picture."""

from piecework.domain.templates.template import ADDRESS, FLAG, LABEL, LENGTH, TEXT, Schema, Template, listing, record

PICTURE: Schema = {
    "type": "object",
    "required": ["source-ref"],
    "properties": {"source-ref": ADDRESS, "initial-value": {}},
}
"""Whatever else a unit has is shown beside the picture or ignored."""
PICTURE_EXAMPLE = {"source-ref": "https://example.org/pictures/17.jpg"}
SIZE: Schema = record({"height": LENGTH, "width": LENGTH})
SIZE_EXAMPLE = {"height": 480, "width": 640}
MODIFIED = {"initialValueModified": FLAG}
PICTURE_TEXT: Schema = record({"pngImageData": {"type": "string", "contentEncoding": "base64", "minLength": 1}})
COLOUR: Schema = {"type": "string", "pattern": "^#[0-9a-fA-F]{6}$"}
POINT: Schema = record({"x": LENGTH, "y": LENGTH})
POINTS_EXAMPLE = [{"x": 10, "y": 10}, {"x": 60, "y": 10}, {"x": 60, "y": 90}]
OVERLAY = record({}, {"overlay": record({}, {"imageUrl": ADDRESS, "opacity": {"type": "number", "minimum": 0, "maximum": 1}})})
COLOURS = record({}, {"label-colors": listing(COLOUR)})
LABELS = ("car", "bicycle")


def _shapes(name: str, title: str, about: str, field: str, shape: Schema, example: dict[str, object]) -> Template:
    """A template whose answer is a list of labelled shapes in a picture."""
    return Template(
        name=name,
        title=title,
        about=about,
        element=f"crowd-{name}",
        unit=PICTURE,
        answer=record({field: listing(shape), "inputImageProperties": SIZE}, MODIFIED),
        unit_example=PICTURE_EXAMPLE,
        answer_example={field: [{"label": "car"} | example], "inputImageProperties": SIZE_EXAMPLE},
        labels=(1, 10),
        labels_example=LABELS,
        options=COLOURS,
    )


def _line(least: int, most: int | None = None) -> Schema:
    limits = {"minItems": least} | ({"maxItems": most} if most else {})
    return record({"label": LABEL, "vertices": listing(POINT, **limits)})


_BOX = record({"height": LENGTH, "label": LABEL, "left": LENGTH, "top": LENGTH, "width": LENGTH})

IMAGES = (
    Template(
        name="image-classifier",
        title="Image classification",
        about="Say which one of the categories a picture shows.",
        element="crowd-image-classifier",
        unit=PICTURE,
        answer=record({"label": LABEL}, {"workerComment": TEXT}),
        unit_example=PICTURE_EXAMPLE,
        answer_example={"label": "car"},
        labels=(1, 10_000),
        labels_example=LABELS,
        options=OVERLAY,
    ),
    Template(
        name="image-classifier-multi-select",
        title="Image classification, several categories",
        about="Say which of the categories a picture shows, or that it shows none.",
        element="crowd-image-classifier-multi-select",
        unit=PICTURE,
        answer=record({"labels": listing(LABEL, uniqueItems=True)}, {"workerComment": TEXT}),
        unit_example=PICTURE_EXAMPLE,
        answer_example={"labels": ["car", "bicycle"]},
        labels=(1, 10_000),
        labels_example=LABELS,
        options=record({}, {"overlay": OVERLAY["properties"]["overlay"], "exclusion-category": record({"text": TEXT})}),
    ),
    _shapes(
        "bounding-box",
        "Bounding boxes",
        "Draw a box around each thing in a picture.",
        "boundingBoxes",
        _BOX,
        {"height": 80, "left": 10, "top": 20, "width": 120},
    ),
    _shapes(
        "polygon",
        "Polygons",
        "Draw the outline of each thing in a picture.",
        "polygons",
        _line(3),
        {"vertices": POINTS_EXAMPLE},
    ),
    _shapes(
        "polyline",
        "Polylines",
        "Draw a line of several parts along each thing in a picture.",
        "polylines",
        _line(2),
        {"vertices": POINTS_EXAMPLE},
    ),
    _shapes(
        "line",
        "Lines",
        "Draw a straight line along each thing in a picture.",
        "lines",
        _line(2, 2),
        {"vertices": POINTS_EXAMPLE[:2]},
    ),
    _shapes(
        "keypoint",
        "Keypoints",
        "Put a point on each thing in a picture.",
        "keypoints",
        record({"label": LABEL, "x": LENGTH, "y": LENGTH}),
        {"x": 33, "y": 44},
    ),
    Template(
        name="semantic-segmentation",
        title="Semantic segmentation",
        about="Paint every part of a picture in the colour of what it shows.",
        element="crowd-semantic-segmentation",
        unit=PICTURE,
        answer=record(
            {
                "labeledImage": PICTURE_TEXT,
                "labelMappings": {
                    "type": "object",
                    "propertyNames": LABEL,
                    "additionalProperties": record({"color": COLOUR}),
                },
                "inputImageProperties": SIZE,
            },
            MODIFIED,
        ),
        unit_example=PICTURE_EXAMPLE,
        answer_example={
            "labeledImage": {"pngImageData": "iVBORw0KGgo="},
            "labelMappings": {"car": {"color": "#2ca02c"}},
            "inputImageProperties": SIZE_EXAMPLE,
        },
        labels=(1, 11),
        labels_example=LABELS,
        options=COLOURS,
    ),
    Template(
        name="instance-segmentation",
        title="Instance segmentation",
        about="Paint each thing in a picture in a colour of its own.",
        element="crowd-instance-segmentation",
        unit=PICTURE,
        answer=record(
            {
                "labeledImage": PICTURE_TEXT,
                "instances": listing(record({"color": COLOUR, "label": LABEL})),
                "inputImageProperties": SIZE,
            },
            MODIFIED,
        ),
        unit_example=PICTURE_EXAMPLE,
        answer_example={
            "labeledImage": {"pngImageData": "iVBORw0KGgo="},
            "instances": [{"color": "#1f77b4", "label": "car"}],
            "inputImageProperties": SIZE_EXAMPLE,
        },
        labels=(1, 11),
        labels_example=LABELS,
    ),
)
