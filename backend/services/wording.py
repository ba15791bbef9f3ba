"""What each kind of notice says, on the page and in a letter alike."""

from datetime import UTC, datetime
from typing import Any

SENTENCES = {
    "message.received": "A message came.",
    "block.set": "A requester gives you no more work; what you have earned is paid all the same.",
    "block.lifted": "A requester gives you work again.",
    "qualification.granted": "You were given a qualification.",
    "qualification.refused": "You weren't given a qualification.",
    "answers.submitted": "New answers wait for your review.",
    "answers.approved": "Answers of yours were approved.",
    "answers.rejected": "Answers of yours were rejected.",
    "answers.undone": "A decision about answers of yours was taken back.",
    "job.opened": "Your job is open: its money is locked.",
    "job.closing": "A job closes soon, and answers of it aren't decided.",
    "job.closed": "Your job is closed; what nobody earned is yours again.",
    "batch.settled": "Answers to your job were paid.",
    "payment.made": "You were paid.",
    "bonus.received": "You were given a bonus.",
    "funds.low": "Your operator can't pay for its transactions any more.",
    "allowance.low": "Less than a tenth is left of what your operator could spend: deposit more, or sign a larger allowance.",
    "allowance.ending": "Your operator can spend nothing from {until} on; sign a new allowance before, if it shall go on.",
    "slots.opened": "Answers were put on the chain, to be paid unless they are contested until {contest_until}.",
    "slots.contested": "Answers of yours were contested. You can appeal from {appeal_from} until {appeal_until}.",
    "slots.reclaimed": "Contested answers of yours were not appealed in time; their money went back.",
    "deadline.near": "A step of yours, to {step}, will be too late from {until} on.",
    "appeal.made": "An appeal was made; it may be defended until {defend_until}.",
    "appeal.defended": "An appeal was defended and is before its arbitrator.",
    "appeal.ruled": "An appeal was ruled on.",
    "appeal.ended": "An appeal has ended; the winner is the {winner}.",
}
"""Names in braces are of the notice's subject; instants in it are Unix seconds, and dates here."""
_INSTANTS = ("until", "contest_until", "appeal_from", "appeal_until", "defend_until")


def said(kind: str, subject: dict[str, Any]) -> str:
    """What a notice says of its subject."""
    return SENTENCES.get(kind, kind).format_map(_Known(dated(subject)))


def dated(subject: dict[str, Any]) -> dict[str, Any]:
    """A subject with its instants as people write them."""
    return subject | {
        name: f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M} UTC" for name, value in subject.items() if name in _INSTANTS and value
    }


class _Known(dict[str, Any]):
    """A notice of an older version may lack a word."""

    def __missing__(self, key: str) -> str:
        return "…"
