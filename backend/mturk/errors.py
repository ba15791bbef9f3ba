"""What a call is refused with, in the words that clients of this interface match on.

    MTurkError
    ├── RequestError      the caller's fault; 400, with a TurkErrorCode
    ├── ServiceFault      ours; 500, and the SDK tries again
    └── Refused           before any operation: signature, throttle, unknown operation; 400, with a code of AWS's own

Source: the service model's two exceptions; codes as Amazon's SDKs attest them.
"""

from typing import Any

PREFIX = "AWS.MechanicalTurk."


class MTurkError(Exception):
    """A refusal: what the body says, and the status."""

    status = 400
    kind = "RequestError"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def body(self, now_ms: int) -> dict[str, Any]:
        """The JSON body. `now_ms` is the time in Unix milliseconds, which real messages end with."""
        return {"__type": self.kind, "message": self.message}


class RequestError(MTurkError):
    """The caller asked for what can't be.

    Args:
        code: without `AWS.MechanicalTurk.` in front.
        message: a sentence; clients look for parts of it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def body(self, now_ms: int) -> dict[str, Any]:
        # Capital `Message`: with a small letter botocore leaves out the top-level member that some clients read.
        return {"__type": self.kind, "Message": f"{self.message} ({now_ms})", "TurkErrorCode": PREFIX + self.code}


class ServiceFault(RequestError):
    """Something failed here, or is not reachable now; the same call may be sent again."""

    status, kind = 500, "ServiceFault"

    def __init__(self, message: str) -> None:
        super().__init__("ServiceFault", message)


class Refused(MTurkError):
    """Refused before any operation looked at it; `kind` is the code that SDKs know."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def invalid(message: str) -> RequestError:
    """A parameter's value is wrong."""
    return RequestError("InvalidParameterValue", message)


def missing(kind: str, id: str) -> RequestError:
    """There is no such thing of this requester's. `kind` is HIT, Assignment, Qualification, QualificationType, …"""
    return RequestError(f"{kind}DoesNotExist", f"{kind} {id} does not exist.")


def wrong_state(kind: str, allowed: str, now: str | None = None) -> RequestError:
    """The thing is in a state that the operation doesn't take."""
    before = f"This {kind} is currently in the state '{now}'. " if now else ""
    code = f"Invalid{kind.replace(' ', '')}State"
    return RequestError(code, f"{before}This operation can be called with a status of: {allowed}")
