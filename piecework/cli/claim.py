"""`piecework claim`: being paid from one's own file, with the service gone."""

import json
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Annotated, Any

import typer
from rich.console import Console

from piecework.chain.escrow import token_abi, view
from piecework.chain.rpc import Rpc, RpcRefused
from piecework.chain.wallet import Receipt
from piecework.client.claims.claim import Claim
from piecework.client.claims.plan import Patience, Plan, Step, Wait
from piecework.client.holdings import Holdings
from piecework.client.holdings_file import load
from piecework.domain.errors import Conflict, Invalid, Unavailable
from piecework.domain.typed_data import Key
from piecework.domain.units import NATIVE, base_units, decimal_text

FAILED, WAITS, DECIDE = 1, 3, 4
"""The exit codes: a step failed; something waits for a later run; something waits for the worker's own decision."""

FileArgument = Annotated[Path, typer.Argument(help="The worker's file, as its client keeps it or the service hands it out.", show_default=False)]
RpcOption = Annotated[str, typer.Option("--rpc", help="A node of the chain that the escrow is on.", show_default=False)]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done and what it would cost; send nothing. Needs no key.")]
AppealOption = Annotated[bool, typer.Option("--appeal", help="Appeal what was contested, at the stake of the job's terms from the ledger.")]
LedgerOption = Annotated[bool, typer.Option("--ledger", help="Leave the pay in the escrow's ledger instead of the wallet.")]
KeyOption = Annotated[
    Path | None, typer.Option("--key-file", help="The worker's private key, 0x hex; else PIECEWORK_WORKER_KEY.", show_default=False)
]
CarrierOption = Annotated[
    Path | None,
    typer.Option(
        "--carrier-key-file",
        help="The key of another account that pays the gas, where the worker has none; else PIECEWORK_CARRIER_KEY.",
        show_default=False,
    ),
]
TrustOption = Annotated[
    str | None,
    typer.Option("--trust", help="Leave receipts unopened while they are worth at most this, like 5.00; 0 opens all.", show_default=False),
]
MarginOption = Annotated[float, typer.Option("--margin", help="With --trust: hours before a job closes in which everything of it is opened.")]
WatchOption = Annotated[
    float | None,
    typer.Option("--watch", help="Stay, and look again every so many seconds, reading the file anew; Ctrl-C ends it after the look that it is at, and twice at once.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")]


def claim(
    file: FileArgument,
    rpc: RpcOption,
    dry_run: DryOption = False,
    appeal: AppealOption = False,
    ledger: LedgerOption = False,
    key_file: KeyOption = None,
    carrier_key_file: CarrierOption = None,
    trust: TrustOption = None,
    margin: MarginOption = 48,
    watch: WatchOption = None,
    as_json: JsonOption = False,
) -> None:
    """Be paid from your own file and the chain alone, whoever else is gone.

    Settles what is approved, opens what has a receipt and no approval, finalizes what has matured, concludes appeals that are
    won, and withdraws. Run it as often as you like, and again after a crash: nothing is done twice. It exits with 0 when nothing
    is left, 3 when something waits for a later run (it says until when), 4 when something waits for your decision, 1 when a step
    failed.

    While you work, let it watch over your receipts: with --watch and --trust it opens them by itself once they are worth more than
    you trust the coordinator with, or their job closes soon.

    Example: piecework claim holdings.jsonl --rpc http://127.0.0.1:8545 --dry-run

    Example: piecework claim holdings.jsonl --rpc http://127.0.0.1:8545 --watch 60 --trust 5.00 --margin 48
    """
    worker, carrier = key_in(key_file, "PIECEWORK_WORKER_KEY"), key_in(carrier_key_file, "PIECEWORK_CARRIER_KEY")
    if not dry_run and worker is None:
        raise Invalid("Say whose key to sign with: --key-file, or PIECEWORK_WORKER_KEY; or look only, with --dry-run.")
    if watch is not None and (dry_run or watch <= 0):
        raise Invalid("--watch takes seconds, over 0, and goes with sending only; leave out --dry-run.")

    def look() -> int:
        holdings, chain = load(file), Rpc(rpc)
        claiming = Claim(holdings, chain, worker, carrier, appeal, ledger, _patience(chain, holdings, trust, margin))
        speaker = _Speaker(claiming, as_json)
        for sentence in holdings.wrong:
            speaker.say(f"! {sentence}")
        left, failed = _look(claiming, speaker) if dry_run else _carry(claiming, speaker)
        speaker.rest(left)
        return speaker.end(FAILED if failed else DECIDE if left.decide else WAITS if left.waits or (dry_run and left.steps) else 0)

    raise typer.Exit(look() if watch is None else _watch(look, watch))


def _watch(look: Callable[[], int], seconds: float) -> int:
    """Looks again and again, whatever happens to the node, until somebody presses Ctrl-C; the last look's exit code.

    A look that is under way is finished; Ctrl-C once more ends it, too. (An exception instead of an event would be lost wherever
    Python can't raise one, as in a finalizer.)
    """
    code, asked = WAITS, Event()

    def ask(*_: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = signal.signal(signal.SIGINT, ask)
    try:
        while not asked.is_set():
            try:
                code = look()
            except Unavailable as away:
                typer.echo(f"{away.sentence} Looking again in {seconds:g} seconds.", err=True)
            asked.wait(seconds)
    finally:
        signal.signal(signal.SIGINT, before)
    return code


def _patience(rpc: Rpc, holdings: Holdings, trust: str | None, hours: float) -> Patience | None:
    """How far receipts are trusted: so much of each token that the file's jobs pay in."""
    if trust is None:
        return None
    if hours < 0:
        raise Invalid("--margin is hours, and not under 0.")
    tokens = {terms.token for terms in holdings.terms.values()}
    return Patience({token: base_units(trust, _token(rpc, token)[1]) for token in tokens}, round(hours * 3_600))


def _look(claiming: Claim, speaker: "_Speaker") -> tuple[Plan, bool]:
    plan, total = claiming.plan(), 0
    for step in plan.steps:
        try:
            gas = claiming.gas(step)
        except Conflict as conflict:
            speaker.step(step, f"now {conflict.sentence}")
        else:
            total += gas
            speaker.step(step, f"would cost about {speaker.cost(gas)}", gas=gas)
    if total:
        speaker.say(f"All of it would cost about {speaker.cost(total)}. Nothing was sent.")
    return plan, False


def _carry(claiming: Claim, speaker: "_Speaker") -> tuple[Plan, bool]:
    def say(step: Step, mined: Receipt | str) -> None:
        if isinstance(mined, str):
            speaker.step(step, f"not done: {mined}")
        else:
            speaker.step(step, f"done in {mined.transaction_hash}, {mined.gas_used:,} gas", mined.gas_used, mined.transaction_hash)

    outcome = claiming.carry(say)
    return outcome.left, bool(outcome.failed)


class _Speaker:
    """Says things to a person as they happen, or collects them for a program."""

    def __init__(self, claiming: Claim, as_json: bool) -> None:
        self._claiming, self._as_json, self._console = claiming, as_json, Console()
        self._price = int(claiming.rpc.call("eth_gasPrice"), 16)
        self._tokens: dict[str, tuple[str, int]] = {}
        self._said: dict[str, Any] = {"worker": claiming.holdings.worker, "steps": [], "waits": [], "decide": [], "lost": []}

    def say(self, sentence: str) -> None:
        if not self._as_json:
            self._console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    def step(self, step: Step, came_of_it: str, gas: int | None = None, transaction: str | None = None) -> None:
        """One step with what came of it."""
        self.say(f"{step.words[0].upper()}{step.words[1:]}: {self.money(step.amount, step.token)}; {came_of_it}.")
        self._said["steps"].append(
            {"kind": step.kind, "words": step.words, "slots": step.slots, "token": step.token, "amount": str(step.amount),
             "gas": gas, "transaction_hash": transaction, "came_of_it": came_of_it}
        )

    def rest(self, plan: Plan) -> None:
        """What is left."""
        for name, intro, entries in (("waits", "Waits until", plan.waits), ("decide", "Yours to decide until", plan.decide)):
            for entry in sorted(entries, key=lambda wait: wait.until):
                self.say(f"{intro} {_instant(entry)}: {entry.words}.")
                self._said[name].append({"until": entry.until, "words": entry.words, "slots": entry.slots})
        for sentence in plan.lost:
            self.say(f"Lost: {sentence}")
        self._said |= {"lost": plan.lost, "slots_paid": plan.paid, "wrong": self._claiming.holdings.wrong}
        if not plan.steps and not plan.waits and not plan.decide:
            self.say(f"Nothing is left to do. {plan.paid} slots of this file are paid.")

    def end(self, code: int) -> int:
        if self._as_json:
            print(json.dumps(self._said | {"exit_code": code}))
        return code

    def cost(self, gas: int) -> str:
        """Gas, and what that is in coins at this hour."""
        return f"{gas:,} gas ({decimal_text(gas * self._price, 18)} coins at today's price)"

    def money(self, amount: int, token: str) -> str:
        """Base units as a person reads them."""
        if token not in self._tokens:
            self._tokens[token] = _token(self._claiming.rpc, token)
        symbol, decimals = self._tokens[token]
        return f"{decimal_text(amount, decimals)} {symbol}"


def _token(rpc: Rpc, token: str) -> tuple[str, int]:
    """A token's symbol and decimals; of one that doesn't tell, its address and none."""
    if token == NATIVE:
        return "coins", 18
    try:
        return str(view(rpc, token_abi(), token, "symbol")), int(view(rpc, token_abi(), token, "decimals"))  # type: ignore[call-overload]
    except RpcRefused:
        return f"base units of {token}", 0


def _instant(wait: Wait) -> str:
    return datetime.fromtimestamp(wait.until, UTC).strftime("%Y-%m-%d %H:%M UTC")


def key_in(path: Path | None, variable: str) -> Key | None:
    """A key from a file or a variable.

    Raises:
        Invalid: there is one, and it isn't a key.
    """
    try:
        secret = path.read_text().strip() if path else os.environ.get(variable)
        return Key(secret) if secret else None
    except OSError as error:
        raise Invalid(f"{path} can't be read: {error.strerror}.") from None
    except (ValueError, TypeError):
        raise Invalid(f"{path or variable} holds no private key: it needs 32 bytes as 0x hex.") from None
