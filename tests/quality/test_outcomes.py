"""Boxes, spans and any number of classes: what a unit's answers come to, and a file of that which anyone can check."""

import json
import random

import pytest

from piecework.domain.errors import Invalid
from piecework.domain.typed_data import Key
from piecework.quality.consensus import Request
from piecework.quality.labels import Labels
from piecework.quality.outcomes import Kind, Outcomes, outcome, text_of
from piecework.quality.reading import parts_of, said_of
from piecework.quality.result import verify, write

KEY = Key(b"\x07" * 32)


def box(label: str, left: float, side: float = 40) -> dict[str, object]:
    return {"label": label, "left": left, "top": 10, "width": side, "height": side}


def boxes_said(*answers: list[dict[str, object]]) -> list[str]:
    return [str(parts_of("bounding-box", {"boundingBoxes": answer, "inputImageProperties": {}})) for answer in answers]


def test_boxes_that_most_drew_are_kept_at_the_median() -> None:
    found = outcome("boxes", boxes_said([box("car", 10), box("dog", 200)], [box("car", 12)], [box("car", 14)]))
    assert found.value == [{"label": "car", "left": 12, "top": 10, "width": 40, "height": 40}]
    assert (found.answers, dict(found.counts)) == (3, {"car": 3, "dog": 1}) and 0.9 < found.confidence < 1


def test_who_draws_thousands_of_boxes_has_no_say_and_holds_up_nobody() -> None:
    honest, hostile = [[box("car", 10)], [box("car", 12)]], [box("car", 10 + at / 1_000) for at in range(4_000)]
    assert outcome("boxes", boxes_said(hostile, *honest, hostile)) == outcome("boxes", boxes_said(*honest))
    nothing = outcome("boxes", boxes_said(hostile, hostile))
    assert (nothing.value, nothing.confidence, nothing.answers) == ([], 0.0, 0)


def test_spans_are_kept_where_most_marked_them() -> None:
    said = [{"entities": [{"label": "person", "startOffset": 0, "endOffset": end}]} for end in (5, 5, 6)] + [{"entities": []}]
    found = outcome("spans", [str(parts_of("entity-annotation", one)) for one in said])
    assert found.value == [{"label": "person", "startOffset": 0, "endOffset": 5}] and found.confidence < 0.75


def test_where_nothing_is_agreed_on_the_confidence_is_the_share_that_says_so() -> None:
    assert outcome("boxes", boxes_said([], [], [box("car", 10)])).confidence == pytest.approx(2 / 3)
    none = outcome("multilabel", ["[]", "[]"])
    assert (none.value, none.confidence, text_of(none.value)) == ([], 1.0, "none")


def test_what_an_answer_says_is_read_in_one_order_and_without_what_doesnt_matter() -> None:
    one = {"boundingBoxes": [box("b", 1) | {"note": 1}, box("a", 2)], "inputImageProperties": {"width": 1}}
    assert said_of("bounding-box", one) == said_of("bounding-box", {"boundingBoxes": one["boundingBoxes"][::-1]})  # type: ignore[index]
    assert said_of("classifier-multi-select", {"labels": ["b", "a"]}) == '["a","b"]'
    assert said_of("classifier", {"label": "a"}) == "a" and said_of("text", "a") is None and said_of("bounding-box", {"label": "a"}) is None


def crowd(kind: Kind) -> list[tuple[str, str, str]]:
    """Six workers on twelve units, the last of whom says anything."""
    chance = random.Random(1)
    rows = []
    for unit in range(12):
        for who in range(6):
            right = who < 5 and chance.random() < 0.9
            if kind == "multilabel":
                labels = ["a", "b"][: 1 + unit % 2] if right else chance.sample(["a", "b", "c"], chance.randint(0, 3))
                said = parts_of("classifier-multi-select", {"labels": labels})
            elif kind == "boxes":
                said = boxes_said([box("car", 10 + chance.randint(0, 4) if right else 300)])[0]
            else:
                start = 3 if right else 50
                said = parts_of("entity-annotation", {"entities": [{"label": "x", "startOffset": start, "endOffset": start + 6}]})
            rows.append((f"u{unit:02}", f"w{who}", str(said)))
    return rows


@pytest.mark.parametrize("kind", ["boxes", "spans", "multilabel"])
def test_a_file_of_outcomes_is_the_same_from_shuffled_answers_and_verifies(kind: Kind) -> None:
    rows = crowd(kind)
    one, other = (list(write(Outcomes(kind, Request(), Labels.of(some)), KEY, rejected=2)) for some in (rows, rows[::-1]))
    head = json.loads(one[0])
    assert one == other and (head["algorithm"], head["version"], head["seed"], head["rejected"], head["answers"]) == (kind, "1", 0, 2, 72)
    assert verify(one, Labels.of(rows)) == KEY.address
    right = {"multilabel": ["a", "b"], "boxes": "car", "spans": "x"}[kind]
    label = json.loads(one[2])["label"]
    assert label == right or label[0]["label"] == right
    with pytest.raises(Invalid, match="SHA-256 differs"):
        verify(one, Labels.of(rows[:-1]))
    lines = [json.loads(line) for line in one]
    lines[3]["confidence"] = 0.5
    resealed = list(write_lines(lines[:-1]))
    with pytest.raises(Invalid, match="comes out differently"):
        verify(resealed, Labels.of(rows))


def write_lines(values: list[object]) -> list[bytes]:
    """A file of these lines, sealed again by nobody."""
    from piecework.domain.content import canonical_json
    from piecework.quality.result import _seal

    lines = [canonical_json(value) + b"\n" for value in values]
    return [*lines, canonical_json(_seal(lines, None)) + b"\n"]


def test_several_classes_are_decided_class_by_class() -> None:
    found = Outcomes("multilabel", Request(), Labels.of(crowd("multilabel"))).by_unit
    assert sum(found[f"u{unit:02}"].value == ["a", "b"][: 1 + unit % 2] for unit in range(12)) >= 10
    assert all(0.5 < one.confidence <= 1 for one in found.values())
