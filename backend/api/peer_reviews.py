"""A job chained from another one's answers: other workers review what was written there."""

from asyncio import to_thread

import msgspec
from fastapi import APIRouter, Request, Response

from backend.api import views
from backend.api.bodies import Body, NewJob
from backend.api.drafting import drafted
from backend.api.requests import account, coordinator, hex_text, read
from backend.api.schema import JSON, spec
from backend.api.views import JobView

router = APIRouter(prefix="/v1/jobs/{job}", tags=["reviews"])


class NewPeerReview(Body):
    """Terms of the job that reviews another one's texts: `reviews` people look at each and choose one of `labels`, for `reward` (base units) each;
    otherwise as in a new job. The texts become units, which everybody may read."""

    reward: str
    closes_at: int
    review_window_seconds: int
    appeal_window_seconds: int
    salt: str
    reviews: int = 3
    labels: list[str] = msgspec.field(default_factory=lambda: ["good", "bad"])
    title: str = "Review what others wrote"
    instructions: str = "Read the text and say what you think of it."
    assignment_seconds: int = 3600
    auto_approval_seconds: int | None = None
    operator: str | None = None
    estimated_seconds: int | None = None
    hourly_floor: str | None = None


@router.post("/peer-review", **spec(JobView, 201, NewPeerReview, auth="jobs:write"))
async def describe(request: Request, job: str) -> Response:
    """Describes a job in which other workers review the texts of this one, as many as there are now. It opens when it is funded, as any job; nobody
    who wrote one of the texts can take part. What it comes to is its own consensus; each unit names the `answer` that it is about."""
    requester, services = account(request), coordinator(request)
    found = services.postings.owned(hex_text("The job's id", job, 32), requester)
    said = await read(request, NewPeerReview)
    terms = NewJob(
        title=said.title, instructions=said.instructions, reward=said.reward, units=[], closes_at=said.closes_at,
        review_window_seconds=said.review_window_seconds, appeal_window_seconds=said.appeal_window_seconds, salt=said.salt,
        template="classifier", labels=said.labels, assignment_seconds=said.assignment_seconds, operator=said.operator,
        auto_approval_seconds=said.auto_approval_seconds, estimated_seconds=said.estimated_seconds, hourly_floor=said.hourly_floor,
    )  # fmt: skip
    id, new = await services.peer_reviews.describe(found, said.reviews, drafted(terms, services.deployment.token))
    view = await to_thread(lambda: views.job(services, services.postings.row(id)))
    return JSON(view, 201 if new else 200)
