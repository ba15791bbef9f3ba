"""A job as the API takes it, as the services do."""

import msgspec

from backend.api.bodies import NewJob
from backend.api.requests import address, amount, hex_bytes
from backend.services.policies import Policies
from backend.services.postings import Draft
from piecework.domain.units import NATIVE


def drafted(body: NewJob, token: str) -> Draft:
    """The draft in a body; `token` where it names none.

    Raises:
        Invalid: an amount, an address or bytes that can't be read.
    """
    return Draft(
        title=body.title,
        instructions=body.instructions,
        template=body.template,
        labels=None if body.labels is None else tuple(body.labels),
        reward=amount("reward", body.reward),
        token=token if body.token is None else address("token", body.token),
        units=[(unit.content, unit.slots) for unit in body.units],
        answers_per_worker=body.answers_per_worker,
        assignment_seconds=body.assignment_seconds,
        closes_at=body.closes_at,
        review_window=body.review_window_seconds,
        appeal_window=body.appeal_window_seconds,
        salt=hex_bytes("salt", body.salt, 32),
        operator=NATIVE if body.operator is None else address("operator", body.operator),
        arbitrator=NATIVE if body.arbitrator is None else address("arbitrator", body.arbitrator),
        arbitrator_extra_data=hex_bytes("arbitrator_extra_data", body.arbitrator_extra_data),
        contest_deposit=amount("contest_deposit", body.contest_deposit),
        appeal_stake=amount("appeal_stake", body.appeal_stake),
        policies=_policies(body),
    )


def _policies(body: NewJob) -> Policies:
    return Policies(
        description=body.description,
        keywords=tuple(body.keywords),
        options=body.options,
        html=body.html,
        answer_schema=body.answer_schema,
        criteria=[{"code": criterion.code, "text": criterion.text} for criterion in body.criteria],
        qualifications=body.qualifications,
        per_worker_limit=body.per_worker_limit,
        auto_approval_seconds=body.auto_approval_seconds,
        ai_policy=body.ai_policy,
        overlap=None if body.overlap is None else msgspec.structs.asdict(body.overlap),
        gold=None if body.gold is None else msgspec.structs.asdict(body.gold),
        signals=body.signals or None,
        estimated_seconds=body.estimated_seconds,
        hourly_floor=None if body.hourly_floor is None else str(amount("hourly_floor", body.hourly_floor)),
        reports=None if body.reports is None else msgspec.structs.asdict(body.reports),
    )


