"""Pairs, texts, spans, boxes, polygons and masks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from piecework.domain.errors import Invalid
from piecework.quality import boxes, masks, pairs, polygons, spans, text
from piecework.quality.clusters import Drawn
from piecework.quality.boxes import Box
from piecework.quality.spans import Span


def test_bradley_terry_orders_items_by_how_often_they_win() -> None:
    rng, strength = np.random.default_rng(0), np.array([8.0, 4.0, 2.0, 1.0])
    rows = []
    for _ in range(1_200):
        a, b = rng.choice(4, 2, replace=False)
        first = rng.random() < strength[a] / (strength[a] + strength[b])
        rows.append(pairs.Choice(f"w{rng.integers(5)}", f"i{a if first else b}", f"i{b if first else a}"))
    scores = pairs.bradley_terry(rows)
    assert pairs.ranked(scores) == ["i0", "i1", "i2", "i3"]
    assert [scores[f"i{n}"] for n in range(4)] == pytest.approx(strength / strength.sum(), abs=0.04)
    assert pairs.noisy_bradley_terry(rows[:200]) == pairs.noisy_bradley_terry(rows[:200][::-1])
    noisy = pairs.ranked(pairs.noisy_bradley_terry(rows))
    assert (noisy[0], noisy[-1]) == ("i0", "i3")


def test_rankings_become_pairs_and_an_unbeaten_item_stays_finite() -> None:
    rows = pairs.choices("w", ["a", "b", "c"])
    assert [(row.winner, row.loser) for row in rows] == [("a", "b"), ("a", "c"), ("b", "c")]
    scores = pairs.bradley_terry(rows)
    assert pairs.ranked(scores) == ["a", "b", "c"] and 0 < scores["c"] < scores["a"] < 1
    with pytest.raises(Invalid, match="once"):
        pairs.choices("w", ["a", "a"])


def test_rover_votes_word_by_word() -> None:
    said = ["the cat sat on the mat", "the cat sat on a mat", "a cat sat on the mat"]
    assert text.rover(said).text == "the cat sat on the mat"
    assert text.rover(said[::-1]) == text.rover(said)
    assert text.word_error_rate("the cat sat", "the dog sat down") == pytest.approx(2 / 3)


def test_the_medoid_is_what_somebody_wrote_and_one_answer_proves_nothing() -> None:
    said = ["a brown bird", "a brown bird!", "a brown birb", "something else entirely"]
    assert text.medoid(said).text == "a brown bird"
    assert text.medoid(["alone"]).confidence == 0.0


@settings(max_examples=60, deadline=None)
@given(st.text("abc", max_size=6), st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_edit_distance_is_a_distance(a: str, b: str, c: str) -> None:
    assert text.distance(a, b) == text.distance(b, a)
    assert (text.distance(a, b) == 0) == (a == b)
    assert text.distance(a, c) <= text.distance(a, b) + text.distance(b, c)


def drawn(*marks: tuple[str, str, object]) -> list[Drawn]:  # type: ignore[type-arg]
    return [Drawn(*mark) for mark in marks]


def test_boxes_that_most_drew_are_kept_at_the_median() -> None:
    marks = drawn(
        ("a", "cat", Box(0, 0, 10, 10)), ("b", "cat", Box(1, 0, 10, 10)), ("c", "cat", Box(0, 1, 10, 11)),
        ("a", "cat", Box(50, 50, 5, 5)), ("c", "dog", Box(0, 0, 10, 10)),
    )
    (found,) = boxes.boxes(marks, workers=3)
    assert (found.label, found.box, found.support) == ("cat", Box(0, 0, 10, 10), 1.0)
    assert 0.8 < found.confidence < 1
    assert boxes.boxes(marks, workers=6) == []


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(8)))
def test_the_order_of_boxes_does_not_matter_and_no_worker_is_twice_in_one(order: list[int]) -> None:
    marks = drawn(*((f"w{n % 3}", "cat", Box(n % 4, n // 2, 10, 10)) for n in range(8)))
    assert boxes.boxes([marks[at] for at in order], 3) == boxes.boxes(marks, 3)
    assert all(one.support <= 1 for one in boxes.boxes(marks, 3))


def test_entities_have_the_commonest_boundaries_and_label() -> None:
    marks = drawn(("a", "PER", Span(0, 5)), ("b", "PER", Span(0, 5)), ("c", "ORG", Span(1, 5)), ("c", "LOC", Span(20, 25)))
    (found,) = spans.entities(marks, workers=3)
    assert (found.label, found.span, round(found.confidence, 3)) == ("PER", Span(0, 5), 0.667)
    tied = drawn(("a", "PER", Span(0, 5)), ("b", "ORG", Span(0, 5)))
    assert spans.entities(tied, 2) == spans.entities(tied[::-1], 2)
    assert spans.entities(tied, 2)[0].label == "ORG"


def test_masks_are_voted_on_and_specks_go() -> None:
    square = np.zeros((20, 20), bool)
    square[5:15, 5:15] = True
    speck = square.copy()
    speck[0, 0] = True
    assert (masks.voted([square, speck, speck]) == masks.voted([square])).all()
    assert masks.voted([square, speck, speck], smooth=1)[0, 0]
    assert masks.overlap(masks.by_em([square, speck, np.zeros((20, 20), bool)]), square) > 0.95
    with pytest.raises(Invalid, match="one size"):
        masks.voted([square, square[:5]])


def test_polygons_are_filled_clustered_and_voted_on() -> None:
    box = ((2.0, 2.0), (12.0, 2.0), (12.0, 12.0), (2.0, 12.0))
    near = ((3.0, 2.0), (12.0, 2.0), (12.0, 12.0), (3.0, 12.0))
    assert polygons.filled(box, 20, 20).sum() == 100
    assert polygons.filled(((0.0, 0.0), (10.0, 0.0), (0.0, 10.0)), 20, 20).sum() == pytest.approx(50, abs=6)
    far = ((14.0, 14.0), (19.0, 14.0), (19.0, 19.0))
    (found,) = polygons.outlines(drawn(("a", "car", box), ("b", "car", box), ("c", "car", near), ("c", "car", far)), 3, 20, 20)
    assert found.points == box and found.mask[5, 5] and found.confidence > 0.9
    with pytest.raises(Invalid, match="three corners"):
        polygons.filled(((0.0, 0.0), (1.0, 1.0)), 2, 2)
