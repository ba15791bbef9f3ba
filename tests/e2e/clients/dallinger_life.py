"""Dallinger 12.4.0's MTurkService: a HIT's life, its qualifications, its notifications."""

import os
import time

from crowd import until, work
from dallinger.mturk import DuplicateQualificationNameError, MTurkQualificationRequirements, MTurkQuestions, MTurkService

WORDS = "Chain dallinger"
turk = MTurkService(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], "us-east-1", sandbox=True, max_wait_secs=10)
assert turk.check_credentials() and turk.account_balance() > 1

name = f"dallinger {time.time()}"
mine = turk.create_qualification_type(name, "Was here")
try:
    turk.create_qualification_type(name, "Was here")
    raise SystemExit("the name was taken")
except DuplicateQualificationNameError:
    pass
assert turk.get_qualification_type_by_name(name)["id"] == mine["id"]

hit = turk.create_hit(
    experiment_id="experiment", title=WORDS, description="Pass it on.", keywords=["chain"], reward=0.10, duration_hours=0.25, lifetime_days=1,
    question=MTurkQuestions.external("https://lab.example/ad?recruiter=mturk&amp;mode=sandbox"), max_assignments=1, annotation="experiment",
    qualifications=[MTurkQualificationRequirements.min_approval(95), MTurkQualificationRequirements.must_not_have(mine["id"])],
    notification_url="http://127.0.0.1/notify", do_subscribe=True,
)
assert (hit["status"], hit["assignments_available"], hit["review_status"], hit["annotation"]) == ("Assignable", 1, "NotReviewed", "experiment")
assert hit["qualification_type_ids"] == ["000000000000000000L0", mine["id"]]
assert hit["id"] in [one["id"] for one in turk.get_hits()]
assert turk.get_assignment("3" + "A" * 29) is None
work(WORDS)
(id,) = [one["AssignmentId"] for one in turk.mturk.list_assignments_for_hit(HITId=hit["id"])["Assignments"]]
until(lambda: turk.get_assignment(id)["status"] == "Approved")  # its delay is 0: approved as it is submitted
worker = turk.get_assignment(id)["worker_id"]
assert turk.grant_bonus(id, 0.5, "for the chain")
assert turk.increment_qualification_score(mine["id"], worker) == {"qtype": mine["id"], "score": 1}
assert turk.increment_named_qualification_score(name, worker)["score"] == 2
assert list(turk.get_workers_with_qualification(mine["id"])) == [{"id": worker, "score": 2}]
assert turk.revoke_qualification(mine["id"], worker, "enough")
assert turk.current_named_qualification_score(name, worker)["score"] is None
extended = turk.extend_hit(hit["id"], number=2, duration_hours=1)
assert (extended["max_assignments"], extended["assignments_available"]) == (3, 2) and extended["expiration"] > hit["expiration"]
assert turk.disable_hit(hit["id"], "experiment")
assert turk.mturk.get_hit(HITId=hit["id"])["HIT"]["HITStatus"] == "Disposed"
assert turk.dispose_qualification_type(mine["id"])
compensation = turk.create_hit(
    experiment_id="experiment", title="Compensation", description="Sorry.", keywords=[], reward=0.5, duration_hours=1, lifetime_days=1,
    question=MTurkQuestions.compensation(sandbox=True), max_assignments=1, do_subscribe=False,
)
assert turk.expire_hit(compensation["id"])
print("dallinger lives")
