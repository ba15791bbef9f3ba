"""Ground Truth's augmented manifests: JSON Lines that keep every key of the input and add `<label>` and `<label>-metadata`.

By AWS's documentation of output data. Common metadata: confidence (0.00 where one worker answered), type, job-name, human-annotated,
creation-date (ISO with microseconds and no zone).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from piecework.domain.errors import Invalid
from piecework.quality.boxes import Agreed
from piecework.quality.spans import Entity


@dataclass(frozen=True, slots=True)
class Job:
    """What all lines of one labelling job share; `name` is the label's key."""

    name: str
    job_name: str
    created_at: datetime
    classes: tuple[str, ...]
    media: str = "image"

    def __post_init__(self) -> None:
        if "-metadata" in self.name:
            raise Invalid("A label's name may not contain '-metadata'.")

    def metadata(self, confidence: float | None, kind: str, workers: int, human: bool) -> dict[str, Any]:
        """The common part."""
        sure = {} if confidence is None else {"confidence": 0.0 if workers == 1 and human else round(confidence, 2)}
        created = self.created_at.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec="microseconds")
        return {
            **sure, "job-name": self.job_name, "type": f"groundtruth/{kind}", "human-annotated": "yes" if human else "no",
            "creation-date": created,
        }


def single_class(job: Job, line: Mapping[str, Any], label: str, confidence: float, workers: int, human: bool = True) -> dict[str, Any]:
    """One class a unit: its index, and its name in the metadata."""
    metadata = job.metadata(confidence, f"{job.media}-classification", workers, human) | {"class-name": label}
    return _augmented(job, line, _index(job, label), metadata)


def multi_class(job: Job, line: Mapping[str, Any], found: Mapping[str, float], workers: int, human: bool = True) -> dict[str, Any]:
    """Any number of classes, with a confidence each."""
    chosen = sorted(found, key=lambda name: _index(job, name))
    metadata = job.metadata(None, f"{job.media}-classification-multilabel", workers, human) | {
        "class-map": {str(_index(job, name)): name for name in chosen},
        "confidence-map": {str(_index(job, name)): 0.0 if workers == 1 and human else round(found[name], 2) for name in chosen},
    }
    return _augmented(job, line, [_index(job, name) for name in chosen], metadata)


def bounding_boxes(
    job: Job, line: Mapping[str, Any], found: Sequence[Agreed], size: tuple[int, int, int], workers: int, human: bool = True
) -> dict[str, Any]:
    """Boxes in whole pixels; `size` is (width, height, depth)."""
    sides = ("left", "top", "width", "height")
    value = {
        "image_size": [dict(zip(("width", "height", "depth"), size, strict=True))],
        "annotations": [
            {"class_id": _index(job, one.label), **{side: round(getattr(one.box, side)) for side in sides}} for one in found
        ],
    }
    metadata = job.metadata(None, "object-detection", workers, human) | {
        "objects": [{"confidence": 0.0 if workers == 1 and human else round(one.confidence, 2)} for one in found],
        "class-map": {str(_index(job, one.label)): one.label for one in found},
    }
    return _augmented(job, line, value, metadata)


def text_spans(job: Job, line: Mapping[str, Any], found: Sequence[Entity], workers: int, human: bool = True) -> dict[str, Any]:
    """Named entities, with a confidence each."""
    entities = [{"label": one.label, "startOffset": one.span.start, "endOffset": one.span.end} for one in found]
    value = {"annotations": {"labels": [{"label": name} for name in job.classes], "entities": entities}}
    metadata = job.metadata(None, "text-span", workers, human) | {
        "entities": [{**entity, "confidence": 0.0 if workers == 1 and human else round(one.confidence, 2)} for entity, one in zip(entities, found, strict=True)]
    }
    return _augmented(job, line, value, metadata)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A line read back: the whole line, the label (a class's name, a list of names, or the value as it stands) and its confidence."""

    line: dict[str, Any]
    label: Any
    confidence: float | None
    human: bool


def read(lines: Iterable[bytes | str], name: str) -> Iterator[Labelled]:
    """Lines with a label; one without it (not labelled, or failed) is passed over.

    Raises:
        Invalid: a line that isn't an object with `source` or `source-ref`, or a label without its metadata.
    """
    for at, raw in enumerate(lines, 1):
        line = _object(at, raw)
        if name not in line:
            continue
        metadata = line.get(f"{name}-metadata")
        if not isinstance(metadata, dict):
            raise Invalid(f"Line {at} has '{name}' without '{name}-metadata'.")
        yield Labelled(line, _label(line[name], metadata), metadata.get("confidence"), metadata.get("human-annotated") == "yes")


def dumps(line: Mapping[str, Any]) -> str:
    """One line as Ground Truth writes it: JSON without spaces, keys in their order."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def _label(value: Any, metadata: Mapping[str, Any]) -> Any:
    if "class-name" in metadata:
        return metadata["class-name"]
    if isinstance(value, list) and "class-map" in metadata:
        return [metadata["class-map"][str(at)] for at in value]
    return value


def _object(at: int, raw: bytes | str) -> dict[str, Any]:
    try:
        line = json.loads(raw)
    except ValueError:
        raise Invalid(f"Line {at} of the manifest isn't JSON.") from None
    if not isinstance(line, dict) or ("source" in line) == ("source-ref" in line):
        raise Invalid(f"Line {at} of the manifest needs either 'source' or 'source-ref'.")
    return line


def _augmented(job: Job, line: Mapping[str, Any], value: Any, metadata: dict[str, Any]) -> dict[str, Any]:
    return {**line, job.name: value, f"{job.name}-metadata": metadata}


def _index(job: Job, label: str) -> int:
    try:
        return job.classes.index(label)
    except ValueError:
        raise Invalid(f"'{label}' is none of the job's classes.") from None


def segmentation(
    job: Job, line: Mapping[str, Any], mask: str, colours: Mapping[str, str], confidences: Mapping[str, float], workers: int, human: bool = True
) -> dict[str, Any]:
    """A mask of classes, by the address of its PNG; the label's name ends in "-ref".

    Args:
        colours: class → "#rrggbb" in the mask, in the order of the colour map; what has no class is BACKGROUND, "#ffffff".
        confidences: class → how sure.

    Raises:
        Invalid: a name that doesn't end so, a class that isn't the job's.
    """
    if not job.name.endswith("-ref"):
        raise Invalid("The label of a segmentation is an address, so its name ends in '-ref'.")
    _index_all(job, colours)
    map_ = {"0": {"class-name": "BACKGROUND", "hex-color": "#ffffff", "confidence": 0.0}}
    for at, (name, colour) in enumerate(colours.items(), 1):
        sure = 0.0 if workers == 1 and human else round(confidences[name], 2)
        map_[str(at)] = {"class-name": name, "hex-color": colour, "confidence": sure}
    return _augmented(job, line, mask, {"internal-color-map": map_} | job.metadata(None, "semantic-segmentation", workers, human))


def verification(
    job: Job, line: Mapping[str, Any], label: str, confidence: float, workers: int, feedback: Sequence[str] = ()
) -> dict[str, Any]:
    """What people say of a label that stands in the line already: one of the job's classes, such as "good" and "bad", with their remarks."""
    said = {"class-name": label} | ({"worker-feedback": [{"comment": text} for text in feedback]} if feedback else {})
    return _augmented(job, line, _index(job, label), job.metadata(confidence, "label-verification", workers, True) | said)


def adjustment(
    job: Job, line: Mapping[str, Any], name: str, value: Any, metadata: Mapping[str, Any], changed: bool | None = None
) -> dict[str, Any]:
    """A label that people have mended: of the same form as the one under `name` in the line, with whether anything was changed.

    Args:
        name: the label that was shown.
        value, metadata: what came out, as one of the functions above makes it.
        changed: whether people changed it; None where the values, which aren't addresses, tell.

    Raises:
        Invalid: the line has no such label.
    """
    if name not in line or f"{name}-metadata" not in line:
        raise Invalid(f"The line has no label '{name}' to adjust.")
    changed = line[name] != value if changed is None else changed
    status = "adjusted" if changed else "unadjusted"
    return _augmented(job, line, value, dict(metadata) | {"adjustment-status": status})


def initial_value(line: Mapping[str, Any], name: str) -> list[dict[str, Any]] | dict[str, Any]:
    """What stands under `name` in a line, as the elements that people mend it with take it: boxes as {label, left, top, width, height},
    entities as {label, startOffset, endOffset}, a mask as {src, labelMappings} with the colour of each class.

    Raises:
        Invalid: the line has no such label, or one of another kind.
    """
    value, metadata = line.get(name), line.get(f"{name}-metadata")
    marks = value.get("annotations") if isinstance(value, Mapping) else None
    try:
        if name.endswith("-ref") and isinstance(value, str) and isinstance(metadata, Mapping):
            named = [one for at, one in metadata["internal-color-map"].items() if at != "0"]
            return {"src": value, "labelMappings": {one["class-name"]: {"color": one["hex-color"]} for one in named}}
        if isinstance(marks, Mapping):
            return [{key: one[key] for key in ("label", "startOffset", "endOffset")} for one in marks["entities"]]
        if isinstance(marks, list) and isinstance(metadata, Mapping):
            sides = ("left", "top", "width", "height")
            return [{"label": metadata["class-map"][str(one["class_id"])]} | {side: one[side] for side in sides} for one in marks]
    except (AttributeError, KeyError, TypeError):
        raise Invalid(f"The boxes, entities or mask under '{name}' lack something that Ground Truth writes.") from None
    raise Invalid(f"The line has no boxes, entities or mask under '{name}' to adjust.")


def _index_all(job: Job, names: Iterable[str]) -> None:
    for name in names:
        _index(job, name)
