"""People and models together: people label a random validation set, the model what that shows it to be right about, people the rest and a
random audit that says how good the model's part is."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from backend.services import outward
from backend.services.postings import Job, Postings
from backend.services.turns import Turns
from backend.store import consensus, fairness, postings
from backend.store import routing as rows_of
from backend.store.content import Contents
from backend.store.database import Store
from piecework.domain.errors import Conflict, Invalid, PieceworkError
from piecework.quality import audits, classifier, manifest, routing
from piecework.quality.reading import CHOICES

MOST_UNITS = 200_000
MOST_TRAINED = 100_000
MOST_AUDIT = 100_000
MOST_PICTURES, MOST_BYTES, AT_ONCE = 1_000, 16 << 20, 8
"""Pictures that are fetched to learn from, of how many bytes at most, and how many at once."""
MEDIA = {"image-classifier": "image"}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a job is split, how many units are whose, and what the audit says."""

    routing: Row[Any] | None
    roles: dict[str, int]
    audit: audits.Audit | None


class Router:
    """Splits jobs between models and people.

    Args:
        store, contents: where units are.
        jobs: have the manifests.
        anywhere: whether pictures may lie at private addresses and behind plain HTTP.
        clock: the time, aware.
    """

    def __init__(self, store: Store, contents: Contents, jobs: Postings, anywhere: bool, clock: Callable[[], datetime]) -> None:
        self._store, self._contents, self._jobs, self._anywhere, self._clock = store, contents, jobs, anywhere, clock
        self.turns = Turns(most=8)

    async def predict(self, job: Job, said: Sequence[dict[str, Any]]) -> None:
        """Keeps what a model says of units (unit, label, confidence), in place of what it said of them before.

        Raises:
            Invalid: a unit that isn't there or stands there twice, a label that isn't the job's, a confidence outside 0 to 1.
        """
        labels = self._labels(job)
        seen: set[int] = set()
        for one in said:
            if not 0 <= one["unit"] < job.units:
                raise Invalid(f"The job has no unit {one['unit']}.")
            if one["unit"] in seen:
                raise Invalid(f"Unit {one['unit']} stands there twice.")
            if one["label"] not in labels:
                raise Invalid(f"'{one['label']}' is none of the job's labels.")
            if not 0 <= one["confidence"] <= 1:
                raise Invalid(f"The confidence in unit {one['unit']} is from 0 to 1.")
            seen.add(one["unit"])
        await self._store.write(lambda c: fairness.put_predictions(c, job.number, said))

    def train(self, job: Job) -> int:
        """Has the small built-in classifier of texts, or of pictures, learn from what people have said, and predict every unit; returns how
        many it learnt from. It takes minutes, so in its turn.

        Raises:
            Invalid: too few labelled units, or a picture that can't be read.
            Unavailable: a picture isn't at its address.
            Conflict: the units are too many, or neither texts nor pictures.
        """
        self._labels(job)
        pictured = self._jobs.manifest(self._jobs.row(job.id))["template"] in MEDIA
        most = MOST_PICTURES if pictured else MOST_TRAINED
        if job.units > most:
            raise Conflict(f"The built-in classifier takes at most {most} units; bring predictions of a model of your own.")
        with self._store.read() as connection:
            states, rows = rows_of.all_states(connection, job.number), _units(connection, job.number)
        field = "source-ref" if pictured else "source"
        read = {str(row.position): _text(self._contents.unit(job.content, row.content_offset, row.content_length), field) for row in rows}
        if not all(isinstance(text, str) for text in read.values()):
            raise Conflict(f"The built-in classifier reads texts, or pictures by their address: units that are one, or have one as '{field}'.")
        known = {str(row.position): row.said for row in states if row.said is not None and row.finished}
        texts = {unit: str(text) for unit, text in read.items()}
        found = classifier.predicted_pictures(self._pictures(texts), known) if pictured else classifier.predicted(texts, known)
        said = [{"unit": int(unit), "label": one.label, "confidence": one.confidence} for unit, one in sorted(found.items())]
        self._store.write_now(lambda c: fairness.put_predictions(c, job.number, said))
        return len(known)

    def _pictures(self, addresses: dict[str, str]) -> dict[str, classifier.Features]:
        """What the classifier looks at of the pictures at some addresses, by unit."""

        def features(address: str) -> classifier.Features:
            try:
                return classifier.picture_features(outward.get(address, MOST_BYTES, self._anywhere))
            except PieceworkError as error:
                raise type(error)(f"{address[:200]}: {error.sentence}") from error

        with ThreadPoolExecutor(AT_ONCE) as threads:
            return dict(zip(addresses, threads.map(features, addresses.values()), strict=True))

    def route(self, job: Job, target_bps: int, audit: int, seed: int) -> Standing:
        """Goes the next step: draws the validation set and has people asked for nothing else; once they are done with it, lets the model label
        what it is sure enough of, and has people asked for the rest and for an audit. Later again, with newer predictions.

        Raises:
            Conflict: no predictions, the validation set isn't labelled yet, or the job is too large.
            Invalid: a number out of its range.
        """
        if not 5_000 <= target_bps <= 9_999 or not 1 <= audit <= MOST_AUDIT or not 0 <= seed < 2**63:
            raise Invalid(f"target_bps is 5000 to 9999, audit 1 to {MOST_AUDIT}, and seed a whole number.")
        self._labels(job)
        if job.units > MOST_UNITS:
            raise Conflict(f"A job of at most {MOST_UNITS} units can be split between a model and people.")
        row = {"posting": job.number, "target_bps": target_bps, "audit": audit, "changed_at": self._clock()}
        self._store.write_now(lambda c: self._route(c, job, row, seed))
        return self.standing(job)

    def _route(self, connection: Connection, job: Job, row: dict[str, Any], seed: int) -> None:
        states = [state for state in rows_of.all_states(connection, job.number) if state.wanted != -1]
        said = {str(s.position): routing.Prediction(s.label, s.confidence) for s in states if s.label is not None}
        if not said:
            raise Conflict("There are no predictions to go by; give some, or have the built-in classifier make them.")
        before = rows_of.job(connection, job.number)
        if before is None:
            self._begin(connection, job, states, row | {"seed": seed})
            return
        validation = [s for s in states if s.role == "validation"]
        open_ = [s for s in validation if not s.finished]
        if open_:
            raise Conflict(f"People have labelled {len(validation) - len(open_)} of the {len(validation)} units of the validation set; go on then.")
        fit = consensus.job(connection, job.number)
        if fit is None or fit.fitted < fit.answers:
            # Between two fits a unit's label may be that of a model which hasn't seen its class yet, and a threshold is drawn for good.
            raise Conflict("The people's answers are being weighed; go on in a moment.")
        known = {str(s.position): s.said for s in validation if str(s.position) in said and s.said is not None}
        kept = {str(s.position) for s in states if s.role != "validation" and s.held == 0 and str(s.position) in said}
        found = routing.route(said, sorted(kept, key=int), known, before.seed, row["audit"], row["target_bps"] / 10_000)
        model = set(found.model) - set(found.audit)
        roles = {int(unit): "model" for unit in model} | {int(unit): "audit" for unit in found.audit}
        rest = [s for s in states if s.role not in ("validation", "audit") and str(s.position) not in model]
        roles |= {s.position: "people" for s in rest if s.position not in roles}
        asked = [(s.position, 0.0 if s.confidence is None else s.confidence) for s in states if roles.get(s.position) in ("people", "audit")]
        rows_of.put_roles(connection, job.number, roles)
        rows_of.set_aside(connection, job.number, [int(unit) for unit in model])
        rows_of.open_again(connection, job.number, asked, _least(job))
        rows_of.put_job(connection, row | {"seed": before.seed, "routed": True, "threshold": found.threshold})

    def _begin(self, connection: Connection, job: Job, states: Sequence[Row[Any]], row: dict[str, Any]) -> None:
        names = [str(s.position) for s in states]
        drawn = {int(unit) for unit in audits.sample(names, routing.validation_size(len(names)), row["seed"])}
        rows_of.put_roles(connection, job.number, dict.fromkeys(sorted(drawn), "validation"))
        rows_of.set_aside(connection, job.number, [s.position for s in states if s.position not in drawn and s.held == 0])
        rows_of.put_job(connection, row | {"routed": False, "threshold": None})

    def standing(self, job: Job) -> Standing:
        """How a job is split now."""
        with self._store.read() as connection:
            row, roles = rows_of.job(connection, job.number), rows_of.roles(connection, job.number)
            asked, right = rows_of.checked(connection, job.number)
        return Standing(row, roles, audits.audited(right, asked) if asked else None)

    def next(self, job: Job, count: int) -> list[int]:
        """Active learning: the units that the model is least sure of and nobody has been asked, the least sure first."""
        with self._store.read() as connection:
            states = rows_of.all_states(connection, job.number)
        open_ = [s for s in states if s.said is None and s.held == 0 and s.confidence is not None and s.wanted != -1]
        return [s.position for s in sorted(open_, key=lambda s: (s.confidence, s.position))[:count]]

    def lines(self, job: Job, name: str, verifies: bool) -> Any:
        """The job's output as a Ground Truth manifest, line by line: every key of a unit stays, the label and its metadata are added. Units
        that neither people nor the model have labelled stay as they are.

        Raises:
            Invalid: a name that can't be a label's.
        """
        made = self._jobs.manifest(self._jobs.row(job.id))
        kind = manifest.Job(name, f"labeling-job/{name}", self._clock(), tuple(self._labels(job)), MEDIA.get(made["template"], "text"))
        if name.endswith("-ref"):
            raise Invalid("Only the labels of segmentations end in '-ref'.")

        def rows() -> Any:
            cursor = -1
            while True:
                with self._store.read() as connection:
                    states = rows_of.states(connection, job.number, cursor, 1_000)
                    if not states:
                        return
                    units = postings.units(connection, job.number, cursor, 1_000)
                    sure = _confidences(connection, job.number, [state.position for state in states])
                cursor = states[-1].position
                for state, unit in zip(states, units, strict=True):
                    line = _line(self._contents.unit(job.content, unit.content_offset, unit.content_length))
                    yield (manifest.dumps(_augmented(kind, line, state, sure, verifies)) + "\n").encode()

        return rows()

    def _labels(self, job: Job) -> list[str]:
        made = self._jobs.manifest(self._jobs.row(job.id))
        if made["template"] not in CHOICES or not made["labels"]:
            raise Conflict("Only a job whose answers choose among labels that it names can go by predictions.")
        return list(made["labels"])


def _augmented(kind: manifest.Job, line: dict[str, Any], state: Row[Any], sure: dict[int, tuple[float, int]], verifies: bool) -> dict[str, Any]:
    if state.said is not None:
        confidence, answers = sure[state.position]
        if verifies:
            return manifest.verification(kind, line, state.said, confidence, answers)
        return manifest.single_class(kind, line, state.said, confidence, answers)
    if state.role == "model" and not verifies:
        return manifest.single_class(kind, line, state.label, state.confidence, 0, human=False)
    return line


def _confidences(connection: Connection, posting: int, units: Sequence[int]) -> dict[int, tuple[float, int]]:
    return {unit: (row.confidence, row.answers) for unit, row in consensus.units(connection, posting, units).items()}


def _line(content: bytes) -> dict[str, Any]:
    """A unit as a manifest's line: as it came if it was one, else under `source`."""
    value = json.loads(content)
    if isinstance(value, dict) and ("source" in value) != ("source-ref" in value):
        return value
    return {"source": value if isinstance(value, str) else content.decode()}


def _text(content: bytes, field: str) -> Any:
    value = json.loads(content)
    return value.get(field) if isinstance(value, dict) else value


def _units(connection: Connection, posting: int) -> list[Row[Any]]:
    found: list[Row[Any]] = []
    while rows := postings.units(connection, posting, found[-1].position if found else -1, 5_000):
        found += rows
    return found


def _least(job: Job) -> int | None:
    return None if job.overlap is None else int(json.loads(job.overlap)["least"])
