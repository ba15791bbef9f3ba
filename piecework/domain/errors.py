"""The root of every error that Piecework raises on purpose.

PieceworkError                a sentence for the person who can mend it
├── Invalid                   what was handed in breaks a rule; handing it in again won't help
├── NotFound                  there is no such thing, or it isn't yours to see
├── Forbidden                 it exists, but not for you
├── Conflict                  the state doesn't allow it now
└── Unavailable               something that we depend on doesn't answer; try again

Errors know nothing of HTTP; `backend.api.problems` maps each type to a status.
"""


class PieceworkError(Exception):
    """Carries one sentence that says what is wrong and what to do next."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Invalid(PieceworkError):
    """What was handed in breaks a rule."""


class NotFound(PieceworkError):
    """There is no such thing, or it isn't the asker's to see."""


class Forbidden(PieceworkError):
    """It exists, but not for this account."""


class Conflict(PieceworkError):
    """The state doesn't allow it now."""


class Unavailable(PieceworkError):
    """A chain, database or service that is needed doesn't answer; trying again may help."""
