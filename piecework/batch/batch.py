"""A batch at a marketplace: published once however often that is tried, its results read, its reviews made."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from piecework.batch.files import Verdict
from piecework.domain.errors import Conflict, Invalid, Unavailable

Step = Callable[[int], None]
"""Called with how many more are done."""
_EXISTS = re.compile(r'The HIT with ID "([A-Z0-9]+)" already exists')


@dataclass(frozen=True, slots=True)
class Settings:
    """What the HITs of a batch have in common. `reward` in dollars with two decimals; spans in seconds."""

    title: str
    description: str
    keywords: str
    reward: str
    assignments: int
    duration: int
    lifetime: int
    auto_approval: int

    def cost(self, rows: int) -> Decimal:
        """Dollars, without the protocol's fee."""
        return Decimal(self.reward) * self.assignments * rows


@dataclass(frozen=True, slots=True)
class Published:
    """A batch's file: its id, its settings, and each HIT with the row that it was made of."""

    batch: str
    hit_type: str
    settings: dict[str, Any]
    hits: list[dict[str, Any]]

    def save(self, path: Path) -> None:
        """Writes it, whole or not at all."""
        part = path.with_name(path.name + ".part")
        part.write_text(json.dumps(asdict(self), indent=1))
        part.replace(path)


def load(path: Path) -> Published:
    """A batch's file.

    Raises:
        Invalid: it isn't one.
    """
    try:
        return Published(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise Invalid(f"{path} is no batch's file ({error}); 'piecework batch publish' writes one.") from None


def connect(key: Mapping[str, str]) -> Any:
    """The requester interface, by an access key as `piecework mturk-key --json` prints it.

    Raises:
        Invalid: a field is missing.
    """
    try:
        session = botocore.session.get_session()
        return session.create_client(
            "mturk",
            endpoint_url=key["endpoint_url"],
            region_name=key["region_name"],
            aws_access_key_id=key["access_key_id"],
            aws_secret_access_key=key["secret_access_key"],
            config=Config(retries={"max_attempts": 5, "mode": "standard"}),
        )
    except KeyError as error:
        raise Invalid(f"The key lacks {error}; 'piecework mturk-key --json' prints a whole one.") from None


def called(operation: Callable[..., Any], **given: Any) -> Any:
    """A call's answer, or its refusal as ours.

    Raises:
        Conflict: the marketplace refused.
        Unavailable: nothing answered.
    """
    try:
        return operation(**given)
    except ClientError as error:
        raise Conflict(str(error.response["Error"]["Message"])) from error
    except BotoCoreError as error:
        raise Unavailable(f"The marketplace doesn't answer: {error}.") from error


def publish(client: Any, settings: Settings, rows: Sequence[Mapping[str, str]], questions: Sequence[str], done: Step) -> Published:
    """A HIT for each row. What was published before, by the same page, rows and settings, is found again and not paid twice.

    Raises:
        Conflict: the money isn't there, or a HIT was refused.
    """
    batch = hashlib.sha256(json.dumps([asdict(settings), list(questions)]).encode()).hexdigest()[:16].upper()
    shared = {"AssignmentDurationInSeconds": settings.duration, "AutoApprovalDelayInSeconds": settings.auto_approval, "Reward": settings.reward}
    words = {"Title": settings.title, "Description": settings.description, "Keywords": settings.keywords}
    hit_type = called(client.create_hit_type, **words, **shared)["HITTypeId"]
    hits = []
    for number, (row, question) in enumerate(zip(rows, questions, strict=True)):
        given = {"MaxAssignments": settings.assignments, "LifetimeInSeconds": settings.lifetime, "UniqueRequestToken": f"{batch}-{number}"}
        note = f"BatchId:{batch};Row:{number + 2};"
        try:
            made = called(client.create_hit_with_hit_type, HITTypeId=hit_type, Question=question, RequesterAnnotation=note, **given)["HIT"]["HITId"]
        except Conflict as conflict:
            before = _EXISTS.search(conflict.sentence)
            if before is None:
                raise Conflict(f"{number} of {len(rows)} HITs are published, and the next was refused: {conflict.sentence}") from conflict
            made = before[1]
        hits.append({"hit": made, "row": dict(row)})
        done(1)
    return Published(batch, hit_type, asdict(settings), hits)


def require_money(client: Any, settings: Settings, rows: int) -> None:
    """Refuses a batch that can't be paid, before anything of it is published.

    Raises:
        Conflict: the balance is less than what it costs.
    """
    left = Decimal(called(client.get_account_balance)["AvailableBalance"])
    if left < settings.cost(rows):
        raise Conflict(f"The batch costs {settings.cost(rows)} dollars, and {left} are left to spend: deposit more, or raise the key's allowance.")


def read(client: Any, published: Published, done: Step) -> Iterator[tuple[dict[str, Any], dict[str, str], list[dict[str, Any]]]]:
    """Each HIT with its row and its assignments.

    Raises:
        Conflict: the key isn't that of the batch's requester.
    """
    for one in published.hits:
        hit = called(client.get_hit, HITId=one["hit"])["HIT"]
        found: list[dict[str, Any]] = []
        given: dict[str, Any] = {"HITId": one["hit"], "MaxResults": 100}
        while (page := called(client.list_assignments_for_hit, **given))["Assignments"]:
            found += page["Assignments"]
            given["NextToken"] = page["NextToken"]
        yield hit, one["row"], found
        done(1)


def review(client: Any, verdicts: Sequence[Verdict], done: Step) -> tuple[dict[str, int], dict[str, str]]:
    """Makes decisions; one that was made before counts as unchanged. Returns the counts, and by assignment why some were refused."""
    counts, refused = {"approved": 0, "rejected": 0, "unchanged": 0}, {}
    for verdict in verdicts:
        try:
            counts[_decide(client, verdict)] += 1
        except Conflict as conflict:
            refused[verdict.assignment] = conflict.sentence
        done(1)
    return counts, refused


def _decide(client: Any, verdict: Verdict) -> str:
    status = called(client.get_assignment, AssignmentId=verdict.assignment)["Assignment"]["AssignmentStatus"]
    if status == ("Approved" if verdict.reason is None else "Rejected"):
        return "unchanged"
    if verdict.reason is None:
        called(client.approve_assignment, AssignmentId=verdict.assignment, OverrideRejection=status == "Rejected")
        return "approved"
    called(client.reject_assignment, AssignmentId=verdict.assignment, RequesterFeedback=verdict.reason)
    return "rejected"
