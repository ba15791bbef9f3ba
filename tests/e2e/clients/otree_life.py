"""oTree 6.0.15's client, which signs its calls by hand: what its payment pages send."""

import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from crowd import work

Path("settings.py").write_text("SESSION_CONFIGS = []\nSESSION_CONFIG_DEFAULTS = {}\nLANGUAGE_CODE = 'en'\nSECRET_KEY = 'x'\n")

from otree.mturk_client import MTurkError, TurkClient  # noqa: E402  # it wants the file when it is imported

WORDS = "Bargain otree"
QUESTION = (
    '<HTMLQuestion xmlns="http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2011-11-11/HTMLQuestion.xsd"><HTMLContent><![CDATA['
    "<!DOCTYPE html><html><head><script src='https://assets.crowd.aws/crowd-html-elements.js'></script></head><body><crowd-form>"
    '<crowd-input name="completion_code" required></crowd-input></crowd-form></body></html>]]></HTMLContent><FrameHeight>500</FrameHeight></HTMLQuestion>'
)


def assignments(hit):
    """As oTree's page reads them: page by page, until one is empty."""
    args, found = {"HITId": hit, "MaxResults": 100, "AssignmentStatuses": ["Submitted", "Approved", "Rejected"]}, []
    while True:
        response = TurkClient.list_assignments_for_hit(args, use_sandbox=True)
        if not response["Assignments"]:
            return found
        found += response["Assignments"]
        args["NextToken"] = response["NextToken"]


given = {
    "Title": WORDS, "Description": "Split a pie", "Keywords": "bonus, study", "MaxAssignments": 4, "Reward": str(float(Decimal("0.50"))),
    "AssignmentDurationInSeconds": 3600, "LifetimeInSeconds": 7 * 86_400, "UniqueRequestToken": "otree_code", "Question": QUESTION,
}
hit = TurkClient.create_hit(given, use_sandbox=True)["HIT"]
assert hit["HITGroupId"] and hit["Expiration"] > 0
time.sleep(1.1)  # the very same bytes of one second are one call, that was sent again
try:
    TurkClient.create_hit(given, use_sandbox=True)
    raise SystemExit("the token was used")
except MTurkError as error:
    assert "already exists" in str(error) and hit["HITId"] in str(error)
work(WORDS, 2)
first, second = assignments(hit["HITId"])
assert "completion_code" in first["Answer"] and first["AssignmentStatus"] == "Submitted"
bonus = {"WorkerId": first["WorkerId"], "AssignmentId": first["AssignmentId"], "BonusAmount": "0.40", "UniqueRequestToken": first["AssignmentId"], "Reason": "Thank you"}
TurkClient.send_bonus(bonus, use_sandbox=True)
time.sleep(1.1)
try:
    TurkClient.send_bonus(bonus, use_sandbox=True)
    raise SystemExit("it was paid twice")
except MTurkError as error:
    assert "idempotency" in str(error)
assert TurkClient.approve_assignment({"AssignmentId": first["AssignmentId"]}, use_sandbox=True) == {}
assert TurkClient.reject_assignment({"AssignmentId": second["AssignmentId"], "RequesterFeedback": ""}, use_sandbox=True) == {}
assert TurkClient.update_expiration({"HITId": hit["HITId"], "ExpireAt": datetime(2015, 1, 1).timestamp()}, use_sandbox=True) == {}
assert sorted(one["AssignmentStatus"] for one in assignments(hit["HITId"])) == ["Approved", "Rejected"]
print("otree lives")
