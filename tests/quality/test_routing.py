"""People and models, and Ground Truth's manifests."""

import io
import json
from datetime import datetime, timezone

import numpy as np
import pytest
from PIL import Image

from piecework.domain.errors import Invalid
from piecework.quality import classifier, manifest, routing
from piecework.quality.boxes import Agreed, Box
from piecework.quality.routing import Prediction
from tests.quality.pictures import picture
from piecework.quality.spans import Entity, Span

JOB = manifest.Job("animal", "labeling-job/animals", datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=timezone.utc), ("bird", "cat"))
LINE = {"source-ref": "s3://bucket/1.jpg", "extra": {"kept": [1]}}


def predicted(count: int, seed: int) -> tuple[dict[str, Prediction], dict[str, str]]:
    """A model whose confidence is honest."""
    rng = np.random.default_rng(seed)
    sure = rng.beta(20, 1, count)
    return (
        {f"u{n:05}": Prediction("a", float(s)) for n, s in enumerate(sure)},
        {f"u{n:05}": "a" if rng.random() < s else "b" for n, s in enumerate(sure)},
    )


def test_a_model_labels_what_it_is_right_about_in_ninety_five_percent() -> None:
    held = []
    for seed in range(20):
        predictions, truth = predicted(3_000, seed)
        known = dict(list(truth.items())[: routing.validation_size(3_000)])
        found = routing.route(predictions, list(predictions), known, seed)
        assert found.threshold is not None and len(found.model) > 100
        assert set(found.audit) <= set(found.model) and len(found.audit) == 100
        assert sorted([*found.model, *found.people, *known]) == sorted(predictions)
        held.append(np.mean([truth[unit] == "a" for unit in found.model]) >= 0.95)
    assert np.mean(held) >= 0.9


def test_ten_lucky_units_open_no_door_and_a_bad_model_labels_nothing() -> None:
    few = {f"u{n}": Prediction("a", 0.9) for n in range(10)}
    assert routing.threshold(few, dict.fromkeys(few, "a")) is None
    assert routing.threshold(few, dict.fromkeys(few, "a"), certain=False) == 0.9
    found = routing.route(few, list(few), {"u0": "b"}, 0)
    assert (found.model, len(found.people)) == ((), 9)
    with pytest.raises(Invalid, match="validation set"):
        routing.threshold(few, {})


def test_equal_confidences_stand_or_fall_together() -> None:
    predictions = {f"u{n:03}": Prediction("a", 0.9) for n in range(200)}
    truth = {unit: "a" if at < 100 else "b" for at, unit in enumerate(predictions)}
    assert routing.threshold(predictions, truth) is None


def test_validation_is_a_fifth_of_few_and_a_tenth_of_many() -> None:
    assert [routing.validation_size(n) for n in (1, 4_999, 5_000)] == [1, 999, 500]


@pytest.mark.parametrize(("by", "first"), [("confidence", 2), ("margin", 1), ("entropy", 2)])
def test_the_next_batch_is_what_the_model_knows_least(by: str, first: int) -> None:
    rows = np.array([[0.9, 0.05, 0.05], [0.48, 0.47, 0.05], [0.4, 0.32, 0.28]])
    assert routing.next_batch(rows, 1, by) == [first]
    with pytest.raises(Invalid):
        routing.next_batch(rows, 1, "luck")


def test_a_class_is_written_and_read_as_documented() -> None:
    line = manifest.single_class(JOB, LINE, "cat", 0.9345, workers=3)
    assert manifest.dumps(line) == (
        '{"source-ref":"s3://bucket/1.jpg","extra":{"kept":[1]},"animal":1,"animal-metadata":{"confidence":0.93,'
        '"job-name":"labeling-job/animals","type":"groundtruth/image-classification","human-annotated":"yes",'
        '"creation-date":"2026-01-02T03:04:05.000678","class-name":"cat"}}'
    )
    (found,) = manifest.read([manifest.dumps(line)], "animal")
    assert (found.label, found.confidence, found.human, found.line) == ("cat", 0.93, True, line)


def test_one_workers_confidence_is_zero_and_a_models_is_its_own() -> None:
    assert manifest.single_class(JOB, LINE, "cat", 0.9, workers=1)["animal-metadata"]["confidence"] == 0.0
    model = manifest.single_class(JOB, LINE, "cat", 0.97, workers=1, human=False)["animal-metadata"]
    assert (model["confidence"], model["human-annotated"]) == (0.97, "no")


def test_many_classes_boxes_and_spans_have_their_forms() -> None:
    many = manifest.multi_class(JOB, LINE, {"cat": 0.8, "bird": 0.95}, 3)
    assert many["animal"] == [0, 1]
    assert many["animal-metadata"]["class-map"] == {"0": "bird", "1": "cat"}
    assert many["animal-metadata"]["confidence-map"] == {"0": 0.95, "1": 0.8}
    assert next(manifest.read([json.dumps(many)], "animal")).label == ["bird", "cat"]
    drawn = manifest.bounding_boxes(JOB, LINE, [Agreed("cat", Box(1.2, 2, 30, 40.6), 1.0, 0.91)], (640, 480, 3), 3)
    assert drawn["animal"] == {
        "image_size": [{"width": 640, "height": 480, "depth": 3}],
        "annotations": [{"class_id": 1, "left": 1, "top": 2, "width": 30, "height": 41}],
    }
    assert drawn["animal-metadata"]["objects"] == [{"confidence": 0.91}]
    spans = manifest.text_spans(JOB, {"source": "Ann has a cat"}, [Entity("cat", Span(10, 13), 1.0)], 3)
    assert spans["animal"]["annotations"]["entities"] == [{"label": "cat", "startOffset": 10, "endOffset": 13}]


def test_what_is_no_manifest_is_said_and_unlabelled_lines_are_passed_over() -> None:
    assert list(manifest.read([json.dumps(LINE)], "animal")) == []
    for line, sentence in [("{", "isn't JSON"), ("{}", "needs either"), ('{"source":"a","animal":1}', "without 'animal-metadata'")]:
        with pytest.raises(Invalid, match=sentence):
            list(manifest.read([line], "animal"))
    with pytest.raises(Invalid, match="-metadata"):
        manifest.Job("a-metadata", "j", JOB.created_at, ())


def test_a_segmentation_is_an_address_with_a_map_of_colours() -> None:
    job = manifest.Job("street-ref", "labeling-job/street", JOB.created_at, ("car", "road"))
    out = manifest.segmentation(job, LINE, "s3://b/1.png", {"road": "#ff0000", "car": "#00ff00"}, {"road": 0.914, "car": 0.5}, 3)
    assert (out["source-ref"], out["street-ref"]) == (LINE["source-ref"], "s3://b/1.png")
    metadata = out["street-ref-metadata"]
    assert metadata["type"] == "groundtruth/semantic-segmentation" and "confidence" not in metadata
    assert metadata["internal-color-map"] == {
        "0": {"class-name": "BACKGROUND", "hex-color": "#ffffff", "confidence": 0.0},
        "1": {"class-name": "road", "hex-color": "#ff0000", "confidence": 0.91},
        "2": {"class-name": "car", "hex-color": "#00ff00", "confidence": 0.5},
    }
    with pytest.raises(Invalid, match="-ref"):
        manifest.segmentation(JOB, LINE, "s3://b/1.png", {}, {}, 3)
    with pytest.raises(Invalid, match="none of the job's classes"):
        manifest.segmentation(job, LINE, "s3://b/1.png", {"bird": "#ff0000"}, {"bird": 1}, 3)


def test_a_label_is_verified_and_adjusted_in_the_line_that_has_it() -> None:
    first = manifest.single_class(JOB, LINE, "cat", 0.9, 3)
    check = manifest.Job("check", "labeling-job/check", JOB.created_at, ("good", "bad"))
    verified = manifest.verification(check, first, "bad", 0.8, 3, ["It is a bird."])
    assert {key: verified[key] for key in first} == first, "every key of the input stays"
    assert verified["check"] == 1 and verified["check-metadata"] | {} == verified["check-metadata"]
    assert verified["check-metadata"]["type"] == "groundtruth/label-verification"
    assert verified["check-metadata"]["worker-feedback"] == [{"comment": "It is a bird."}]
    again = manifest.Job("animal2", "labeling-job/animals2", JOB.created_at, JOB.classes)
    mended = manifest.single_class(again, verified, "bird", 0.9, 3)
    out = manifest.adjustment(again, verified, "animal", mended["animal2"], mended["animal2-metadata"])
    assert (out["animal"], out["animal2"], out["animal2-metadata"]["adjustment-status"]) == (1, 0, "adjusted")
    same = manifest.adjustment(again, verified, "animal", 1, mended["animal2-metadata"])
    assert same["animal2-metadata"]["adjustment-status"] == "unadjusted"
    with pytest.raises(Invalid, match="no label 'dog'"):
        manifest.adjustment(again, verified, "dog", 1, {})
    assert json.loads(manifest.dumps(out)) == out


def test_the_small_classifier_learns_words_and_is_not_flattered_by_what_it_knows() -> None:
    rng = np.random.default_rng(0)
    words = {"good": ["fine", "great", "love", "kind"], "bad": ["awful", "broken", "hate", "late"]}
    texts, truth = {}, {}
    for n in range(300):
        label = ("good", "bad")[n % 2]
        filler = [f"word{rng.integers(40)}" for _ in range(6)]
        clue = [str(rng.choice(words[label]))] if rng.random() < 0.9 else [str(rng.choice(words[("bad", "good")[n % 2]]))]
        texts[f"u{n:03}"], truth[f"u{n:03}"] = " ".join(filler + clue), label
    known = {unit: truth[unit] for unit in list(texts)[:100]}
    said = classifier.predicted(texts, known)
    assert said.keys() == texts.keys() and said == classifier.predicted(dict(reversed(texts.items())), known)
    rest = [unit for unit in texts if unit not in known]
    right = np.mean([said[unit].label == truth[unit] for unit in rest])
    of_known = np.mean([said[unit].label == truth[unit] for unit in known])
    assert right > 0.7 and abs(right - of_known) < 0.12, "a model that had seen them would be right in all"
    with pytest.raises(Invalid, match="at least 10"):
        classifier.predicted(texts, dict(list(known.items())[:9]))
    with pytest.raises(Invalid, match="two labels"):
        classifier.predicted(texts, dict.fromkeys(list(texts)[:20], "good"))
    with pytest.raises(Invalid, match="no words"):
        classifier.predicted({f"u{n}": "!!" for n in range(20)}, {f"u{n}": "ab"[n % 2] for n in range(20)})


def test_the_classifier_of_pictures_learns_from_colours_and_edges_and_says_nothing_of_noise() -> None:
    features = {f"u{n:03}": classifier.picture_features(picture(n % 2, n, "JPEG" if n % 3 else "PNG")) for n in range(80)}
    truth = {unit: "ab"[at % 2] for at, unit in enumerate(features)}
    known = dict(list(truth.items())[:30])
    said = classifier.predicted_pictures(features, known)
    assert said.keys() == features.keys() and next(iter(features.values())).shape == (384,)
    assert np.mean([said[unit].label == truth[unit] for unit in features]) > 0.95
    chance = np.random.default_rng(0)
    drawn = {unit: "ab"[chance.integers(2)] for unit in known}
    of_noise = classifier.predicted_pictures(features, drawn)
    assert np.mean([of_noise[unit].label == drawn[unit] for unit in drawn]) < 0.8, "labels without a reason aren't learnt by heart"
    for wrong in (b"", b"no picture", picture(0, 1)[:200]):
        with pytest.raises(Invalid, match="can't be read"):
            classifier.picture_features(wrong)
    empty = io.BytesIO()
    Image.new("1", (6_000, 6_000)).save(empty, "PNG")
    with pytest.raises(Invalid, match="33 million pixels"):
        classifier.picture_features(empty.getvalue())
