"""`python -m backend.rejections`: whoever runs the coordinator looks at jobs that reject much, in a trustee's place.

    python -m backend.rejections                                   what waits: the job, its requester, why
    python -m backend.rejections JOB released|refused "a sentence"  lets the job reject more, or not

It is told where the database is as the service is, by PIECEWORK_… variables, and works beside the running service.
"""

import sys
from collections.abc import Sequence

from backend.services.coordinator import Coordinator
from backend.settings import read_settings
from piecework.domain.errors import Invalid, PieceworkError

VERDICTS = {"released": True, "refused": False}
USAGE = 'Say nothing to see what waits, or: JOB released "why", or: JOB refused "why".'


def main(said: Sequence[str]) -> int:
    """Lists or decides; 0 when done, 2 with one sentence on stderr."""
    try:
        settings = read_settings()
        services = Coordinator(settings, settings.public_url or "http://localhost")
        if said:
            _decide(services, said)
        for row in services.fairness.waiting_for_owner():
            print(f"{row.job}  {row.requester}  {row.why}")
    except PieceworkError as error:
        print(error.sentence, file=sys.stderr)
        return 2
    return 0


def _decide(services: Coordinator, said: Sequence[str]) -> None:
    if len(said) != 3 or said[1] not in VERDICTS:
        raise Invalid(USAGE)
    job, verdict, why = said
    services.fairness.decide_as_owner(services.postings.find(job.lower()), services.key.address, VERDICTS[verdict], why)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
