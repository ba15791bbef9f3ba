"""`piecework consensus`: what a file of answers comes to, signed, and checked again by anyone."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from piecework.domain.errors import Invalid
from piecework.domain.typed_data import Key
from piecework.replay.answers import read_answers, read_truth


def consensus(
    answers: Annotated[Path, typer.Argument(help="CSV with the columns task, worker, label; others are ignored.", show_default=False)],
    algorithm: Annotated[str, typer.Option("--algorithm", help="majority, weighted, ds (Dawid-Skene), glad or mace.")] = "ds",
    out: Annotated[Path | None, typer.Option("--out", help="Write the result file here (JSON Lines).")] = None,
    check: Annotated[Path | None, typer.Option("--verify", help="Compute this result file again from the answers.")] = None,
    truth: Annotated[Path | None, typer.Option("--truth", help="CSV with task and label that are known: the accuracy is printed.")] = None,
    calibrate: Annotated[bool, typer.Option("--calibrate", help="Calibrate the confidence with --truth, too.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="For MACE, which starts at random.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")] = False,
) -> None:
    """Decide every task of a file of answers, and say why.

    The result file names the algorithm, its version, the seed and the answers' hash, has a line for each task with label,
    confidence, who said what with what weight, and a sentence; it is signed where PIECEWORK_REQUESTER_KEY is set.

    Example: piecework consensus answers.csv --algorithm ds --out result.jsonl
    Example: piecework consensus answers.csv --verify result.jsonl
    """
    from piecework.quality.labels import Labels

    if calibrate and truth is None:
        raise Invalid("--calibrate needs --truth: a CSV with task and label of tasks that are known.")
    labels = Labels.of((row.task, row.worker, row.label) for row in read_answers(answers).rows)
    known = read_truth(truth) if truth else None
    said = _verified(check, labels) if check else _decided(labels, algorithm, seed, out, known, calibrate)
    if as_json:
        print(json.dumps(said))
    else:
        Console().print("\n".join(_sentences(said)), highlight=False, markup=False, soft_wrap=True)


def _decided(labels: Any, algorithm: str, seed: int, out: Path | None, known: dict[str, str] | None, calibrate: bool) -> dict[str, Any]:
    from piecework.quality import consensus as quality
    from piecework.quality.agreement import alpha
    from piecework.replay.consensus import accuracy

    key = _key() if out else None
    with Progress(console=Console(stderr=True), transient=True) as bar:
        step = bar.add_task("fit", total=None)
        found = quality.consensus(
            labels, quality.Request(algorithm, seed), truth=known if calibrate else None,  # type: ignore[arg-type]
            progress=lambda done, most, bound: bar.update(step, completed=done, total=most),
        )
    if out:
        _written(found, out, key, known if calibrate else None)
    by_unit = found.by_unit()
    return {
        "algorithm": algorithm, "used": found.used, "answers": len(labels), "tasks": len(labels.units),
        "workers": len(labels.workers), "alpha": _finite(alpha(labels)), "temperature": found.temperature,
        "accuracy": accuracy(by_unit, known) if known and known.keys() & by_unit.keys() else None,
        "out": str(out) if out else None, "signer": key.address if key else None,
        "labels": by_unit,
    }


def _written(found: Any, out: Path, key: Key | None, known: dict[str, str] | None) -> None:
    """Beside it first, so that a crash leaves no half a file under its name."""
    from piecework.quality.result import write

    beside = out.with_name(out.name + ".part")
    try:
        with beside.open("wb") as file:
            file.writelines(write(found, key, known))
        beside.replace(out)
    except OSError as error:
        raise Invalid(f"{out} can't be written: {error.strerror}.") from None


def _verified(check: Path, labels: Any) -> dict[str, Any]:
    from piecework.quality.result import verify

    try:
        lines = check.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise Invalid(f"{check} can't be read: {error.strerror}.") from None
    return {"verified": str(check), "tasks": len(lines) - 2, "signer": verify(lines, labels)}


def _key() -> Key | None:
    secret = os.environ.get("PIECEWORK_REQUESTER_KEY")
    if not secret:
        return None
    try:
        return Key(secret)
    except ValueError:
        raise Invalid("PIECEWORK_REQUESTER_KEY is no key: 64 hexadecimal digits are.") from None


def _sentences(said: dict[str, Any]) -> list[str]:
    signed = f"signed by {said['signer']}" if said["signer"] else "not signed (set PIECEWORK_REQUESTER_KEY to sign)"
    if "verified" in said:
        return [f"{said['verified']} is what these answers come to: {said['tasks']:,} tasks, {signed.split(' (')[0]}."]
    agreed = "nothing to compare" if said["alpha"] is None else f"Krippendorff's alpha {said['alpha']:.3f}"
    lines = [f"{said['answers']:,} answers by {said['workers']:,} workers to {said['tasks']:,} tasks, decided by {said['used']}; {agreed}."]
    if said["used"] != said["algorithm"]:
        lines.append("With fewer than three answers a worker nothing can be learnt of anybody, so the majority decided.")
    if said["accuracy"] is not None:
        lines.append(f"{said['accuracy']:.4f} of those whose truth is known are right.")
    if said["out"]:
        lines.append(f"Written to {said['out']}, {signed}.")
    return lines


def _finite(value: float) -> float | None:
    return value if value == value else None
