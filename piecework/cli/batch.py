"""`piecework batch`: a page and a CSV in, the results CSV out, approvals and rejections by the same file."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from piecework.domain.errors import Invalid
from piecework.stack.state import DEFAULT_DATA, running_stack

KeyOption = Annotated[
    Path | None, typer.Option("--key", help="A file of 'piecework mturk-key --json'; default: the devnet's key.", show_default=False)
]
DataOption = Annotated[Path, typer.Option("--data", help="The data directory of the running 'piecework up'.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")]
DAY = 86_400

batch = typer.Typer(help="Batches as Mechanical Turk's requester pages had them: publish a page for each row of a CSV, take the results, review them.")


@batch.command()
def publish(
    page: Annotated[Path, typer.Argument(help="HTML with ${variables}.", show_default=False)],
    rows: Annotated[Path, typer.Argument(help="CSV with a column for each variable.", show_default=False)],
    title: Annotated[str, typer.Option("--title", help="What workers see first.")],
    reward: Annotated[str, typer.Option("--reward", help="What one answer pays, in dollars: 0.05.")],
    description: Annotated[str, typer.Option("--description", help="What is to be done; default: the title.", show_default=False)] = "",
    keywords: Annotated[str, typer.Option("--keywords", help="Words to be found by, with commas between.", show_default=False)] = "",
    assignments: Annotated[int, typer.Option("--assignments", min=1, help="Answers to each row, each of another worker.")] = 1,
    minutes: Annotated[float, typer.Option("--minutes", help="How long a worker has.")] = 60,
    days: Annotated[float, typer.Option("--days", help="How long the batch is offered.")] = 7,
    review_days: Annotated[float, typer.Option("--review-days", help="After how long unreviewed answers are approved; at most 30.")] = 3,
    height: Annotated[int, typer.Option("--height", min=0, help="The page's frame in pixels; 0 for the window's.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="The batch's file; default: the CSV's name with .batch.json.", show_default=False)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it costs and show the first page; publish nothing.")] = False,
    key: KeyOption = None,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Publish a HIT for each row of a CSV; the batch's file says which is which.

    Say it again after an interruption: what is published already is found again, and nothing is paid twice.

    Example: piecework batch publish page.html rows.csv --title "Is it a bird?" --reward 0.05 --assignments 3
    """
    from piecework.batch.batch import Settings
    from piecework.batch.batch import publish as send
    from piecework.batch.batch import require_money
    from piecework.batch.files import questions, read_rows

    read = read_rows(rows)
    made = questions(_page(page), read, height)
    seconds = (round(minutes * 60), round(days * DAY), round(review_days * DAY))
    settings = Settings(title, description or title, keywords, _dollars(reward), assignments, *seconds)
    said: dict[str, Any] = {"hits": len(read), "assignments": len(read) * assignments, "cost": str(settings.cost(len(read)))}
    if dry_run:
        _say(said | {"first": made[0]}, as_json, f"{said['hits']} HITs, {said['assignments']} answers, {said['cost']} dollars.\n\n{made[0]}")
        return
    client = access_client(key, data)
    require_money(client, settings, len(read))
    with _progress("publish", len(read), as_json) as done:
        published = send(client, settings, read, made, done)
    place = out or rows.with_suffix(".batch.json")
    published.save(place)
    said |= {"batch": published.batch, "hit_type": published.hit_type, "file": str(place)}
    _say(said, as_json, f"{said['hits']} HITs are published, for {said['cost']} dollars. Their results: piecework batch results {place}")


@batch.command()
def results(
    published: Annotated[Path, typer.Argument(help="The file that publish wrote.", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", help="Where to write; default: standard output.", show_default=False)] = None,
    key: KeyOption = None,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Write a batch's answers as a CSV, in the columns of Mechanical Turk's results files.

    Example: piecework batch results rows.batch.json --out results.csv
    """
    from piecework.batch.batch import load, read
    from piecework.batch.files import results as written

    batch_file = load(published)
    client = access_client(key, data)
    with _progress("read", len(batch_file.hits), out is None) as done:
        text = written(list(read(client, batch_file, done)), datetime.now(UTC))
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text)
        Console(stderr=True).print(f"{text.count(chr(10)) - 1} lines are written to {out}.", markup=False, highlight=False)


@batch.command()
def review(
    reviewed: Annotated[Path, typer.Argument(help="A results file with x in Approve, or a reason in Reject.", show_default=False)],
    key: KeyOption = None,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Approve and reject by a results file whose last two columns were filled in; say it again at any time.

    The exit code is 1 where something was refused, and the others are done all the same.

    Example: piecework batch review results.csv
    """
    from piecework.batch.batch import review as decide
    from piecework.batch.files import read_rows, verdicts

    found = verdicts(read_rows(reviewed, empty=True), reviewed)
    client = access_client(key, data)
    with _progress("review", len(found), as_json) as done:
        counts, refused = decide(client, found, done)
    lines = [", ".join(f"{count} {what}" for what, count in counts.items()) + "."]
    lines += [f"{id} was refused: {why}" for id, why in refused.items()]
    _say(counts | {"refused": refused}, as_json, "\n".join(lines))
    if refused:
        raise typer.Exit(1)


def access_client(key: Path | None, data: Path) -> Any:
    """The requester interface, by a file's access key or the devnet's.

    Raises:
        Invalid: there is neither.
    """
    from piecework.batch.batch import connect

    stack = running_stack(data) if key is None else None
    if key is None and (stack is None or not stack.mturk):
        raise Invalid(f"Nothing with a key of its own runs from {data}: name a file of 'piecework mturk-key --json' with --key.")
    try:
        return connect(json.loads(key.read_text()) if key else stack.mturk or {})  # type: ignore[union-attr]
    except (OSError, ValueError) as error:
        raise Invalid(f"{key} can't be read as JSON: {error}.") from None


def _page(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} can't be read: {error}.") from None


def _dollars(text: str) -> str:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0 or amount != amount.quantize(Decimal("0.01")):
        raise Invalid(f"--reward is dollars with at most two decimals, such as 0.05; not '{text}'.")
    return f"{amount:.2f}"


@contextmanager
def _progress(name: str, parts: int, quiet: bool) -> Iterator[Callable[[int], None]]:
    console = Console(stderr=True)
    with Progress(console=console, disable=quiet and not console.is_terminal, transient=True) as bar:
        task = bar.add_task(name, total=parts)
        yield lambda more: bar.advance(task, more)


def _say(said: dict[str, Any], as_json: bool, sentence: str) -> None:
    if as_json:
        print(json.dumps(said))
    else:
        Console().print(sentence, markup=False, highlight=False, soft_wrap=True)
