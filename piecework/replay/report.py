"""What came out of a replay: as values for programs, as tables for people."""

from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table

from piecework.domain.units import decimal_text
from piecework.replay.answers import Answer
from piecework.replay.consensus import Consensus, accuracy
from piecework.replay.plan import Plan
from piecework.replay.readback import Readback
from piecework.replay.run import Outcome

PAPER = {"1": 0.40, "2": 0.42, "3": 0.11, "4": 0.07}
"""How common each class is, as Dawid and Skene printed it (Applied Statistics 28(1), 1979)."""


def answers_of(plan: Plan, submissions: list[dict[str, Any]]) -> list[Answer]:
    """The paid answers as the marketplace has them, under the names of the file."""
    names = {key.address: name for name, key in plan.keys.items()}
    tasks = plan.answers.tasks
    seen: Counter[tuple[str, str]] = Counter()
    rows = []
    for entry in submissions:
        if entry["state"] != "paid":
            continue
        task, worker = tasks[entry["unit"]], names[entry["worker"]]
        rows.append(Answer(task, worker, entry["answer"]["label"], seen[task, worker]))
        seen[task, worker] += 1
    return rows


def summary(
    plan: Plan, outcome: Outcome, back: Readback, crowd: Consensus, truth: dict[str, str] | None, token: dict[str, Any]
) -> dict[str, Any]:
    """The whole result as JSON values; amounts are decimal strings of base units."""
    slots = len(back.payments)
    outcomes = Counter(payment.outcome for payment in back.payments)
    methods = {"majority": crowd.majority, "dawid_skene": crowd.dawid_skene}
    return {
        "job": outcome.job["id"],
        "tasks": len(plan.answers.tasks),
        "workers": len(plan.keys),
        "answers": len(plan.answers.rows),
        "sent_now": outcome.answers_sent,
        "paid": slots,
        "paid_amount": str(back.total),
        "paid_into_wallets": outcomes["pushed"],
        "paid_into_ledger": outcomes["credited"],
        "token": token,
        "reward": str(plan.reward),
        "exact": not back.faults,
        "faults": back.faults,
        "read_from": back.source,
        "accuracy": {name: accuracy(labels, truth) for name, labels in methods.items()} if truth else None,
        "marginals": crowd.marginals,
        "consensus": methods,
        "gas": back.gas,
        "gas_per_assignment": {step: round(gas / slots, 1) if slots else None for step, gas in back.gas.items()},
        "seconds": outcome.seconds,
    }


def show(console: Console, result: dict[str, Any]) -> None:
    """The result for a person."""
    decimals, symbol = result["token"]["decimals"], result["token"]["symbol"]
    paid = decimal_text(int(result["paid_amount"]), decimals)
    console.print(
        f"\n[bold]{result['paid']:,}[/] of {result['answers']:,} answers by {result['workers']} workers to "
        f"{result['tasks']:,} tasks are paid: [bold]{paid} {symbol}[/], read back from {result['read_from']}."
    )
    console.print(
        f"{result['paid_into_wallets']:,} went straight into wallets; {result['paid_into_ledger']:,} into the ledger, "
        "and from there by relayed signatures."
    )
    if result["exact"]:
        console.print("Every wallet holds exactly what its answers earned.")
    for fault in result["faults"]:
        console.print(f"[red]Not exact:[/] {fault}.")
    console.print(_steps(result))
    if result["accuracy"]:
        console.print(_accuracy(result["accuracy"]))


def show_paper(console: Console, result: dict[str, Any], crowd: Consensus) -> None:
    """What Dawid and Skene printed, beside what came out here."""
    table = Table(title="How common each class is (Dawid and Skene, 1979)", title_justify="left")
    for heading in ("class", "paper", "here", "patients here", "by majority"):
        table.add_column(heading, justify="right")
    ours, majority = Counter(crowd.dawid_skene.values()), Counter(crowd.majority.values())
    for label, printed in PAPER.items():
        here = crowd.marginals.get(label, 0.0)
        table.add_row(label, f"{printed:.2f}", f"{here:.2f}", str(ours[label]), str(majority[label]))
    console.print(table)
    observers = Table(title="How often each observer is right, by class, as estimated", title_justify="left")
    observers.add_column("observer", justify="right")
    for label in PAPER:
        observers.add_column(label, justify="right")
    for worker, right in sorted(crowd.right.items()):
        observers.add_row(worker, *(f"{right.get(label, 0.0):.2f}" for label in PAPER))
    console.print(observers)


def _steps(result: dict[str, Any]) -> Table:
    table = Table(show_edge=False)
    table.add_column("step")
    table.add_column("seconds", justify="right")
    table.add_column("gas", justify="right")
    table.add_column("gas a paid assignment", justify="right")
    for step, seconds in result["seconds"].items():
        gas = result["gas"].get(step)
        share = result["gas_per_assignment"].get(step)
        table.add_row(step, f"{seconds:.1f}", f"{gas:,}" if gas else "", f"{share:,.1f}" if gas else "")
    return table


def _accuracy(values: dict[str, float]) -> Table:
    table = Table(show_edge=False)
    table.add_column("consensus")
    table.add_column("right", justify="right")
    for name, value in values.items():
        table.add_row(name.replace("dawid_skene", "Dawid-Skene"), f"{value:.4f}")
    return table
