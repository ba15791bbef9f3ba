"""Mephisto 1.1.1: one unit from its launch to its pay, through its own classes."""

import dataclasses
import functools
import json
import os
import sys
import time
from types import ModuleType

import hydra  # noqa: F401  # before what follows, which is for Mephisto's classes alone
import prometheus_client  # noqa: F401
import rich.progress  # noqa: F401
import tornado.web  # noqa: F401
import websockets  # noqa: F401
from crowd import until, work

# Mephisto 1.1.1 has dataclasses as defaults of fields, which Python 3.11 takes only where they can be hashed.
dataclasses.dataclass = functools.partial(dataclasses.dataclass, unsafe_hash=True)
# It imports Detoxify, which is PyTorch, to look at tips that workers write; nobody writes one here.
sys.modules["detoxify"] = ModuleType("detoxify")
sys.modules["detoxify"].Detoxify = None

from mephisto.abstractions.blueprint import SharedTaskState
from mephisto.abstractions.databases.local_database import LocalMephistoDB
from mephisto.abstractions.providers.mturk.mturk_utils import (
    create_compensation_hit_with_hit_type,
    email_worker,
    expire_and_dispose_hits,
    get_outstanding_hits,
)
from mephisto.data_model.assignment import Assignment
from mephisto.data_model.constants.assignment_state import AssignmentState
from mephisto.data_model.task_run import TaskRun
from mephisto.operations.registry import get_crowd_provider_from_type
from mephisto.utils.testing import MOCK_CONFIG
from omegaconf import OmegaConf

KIND, WORDS = "mturk_sandbox", "Chat mephisto"
db = LocalMephistoDB(os.path.join(os.getcwd(), "mephisto.db"))
provider = get_crowd_provider_from_type(KIND)(db)
requester = provider.RequesterClass.new(db, "lab")
credentials = {"access_key_id": os.environ["AWS_ACCESS_KEY_ID"], "secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"]}
requester.register(OmegaConf.create(credentials))
assert requester.is_registered() and requester.get_available_budget() > 1

config = OmegaConf.merge(OmegaConf.structured(MOCK_CONFIG), {"task": {"task_title": WORDS, "task_reward": 0.3, "task_name": "chat"}})
task = db.new_task("chat", "mock")
run = TaskRun.get(db, db.new_task_run(task, requester.db_id, json.dumps(OmegaConf.to_yaml(config)), KIND, "mock"))
state = SharedTaskState(qualifications=[
    {"qualification_name": f"polite {time.time()}", "comparator": "DoesNotExist", "value": None, "applicable_providers": None}
])
provider.setup_resources_for_task_run(run, config, state, "http://127.0.0.1")
assignment = Assignment.get(db, db.new_assignment(task, run.db_id, requester.db_id, "mock", KIND))
unit = provider.UnitClass.new(db, assignment, 0, 0.3)
unit.launch("https://lab.example/chat?a=1&b=2")
(hit,) = unit.datastore.get_unassigned_hit_ids(run.db_id)
client = requester._get_client(requester._requester_name)
assert client.get_hit(HITId=hit)["HIT"]["HITStatus"] == "Assignable"

work(WORDS)
(done,) = client.list_assignments_for_hit(HITId=hit)["Assignments"]
worker = provider.WorkerClass.new(db, done["WorkerId"])
agent = provider.AgentClass.new_from_provider_data(db, worker, unit, {"hit_id": hit, "assignment_id": done["AssignmentId"]})
assert unit.get_mturk_hit_id() == hit and unit.get_status() == AssignmentState.COMPLETED
agent.reject_work("Too short")
assert client.get_assignment(AssignmentId=done["AssignmentId"])["Assignment"]["AssignmentStatus"] == "Rejected"
agent.approve_work()  # overrides the rejection
assert client.get_assignment(AssignmentId=done["AssignmentId"])["Assignment"]["AssignmentStatus"] == "Approved"
assert worker.bonus_worker(0.5, "Nice talk", unit) == (True, "")
assert email_worker(client, done["WorkerId"], "Hello", "Again tomorrow?") == (True, "")
assert worker.block_worker("Just a test", unit) == (True, "") and worker.is_blocked(requester)
assert worker.unblock_worker("It was a test", requester) and not worker.is_blocked(requester)
worker.grant_crowd_qualification("polite for good", 3)
worker.revoke_crowd_qualification("polite for good")
provider.cleanup_qualification("polite for good_sandbox")

other = provider.UnitClass.new(db, assignment, 1, 0.3)
other.launch("https://lab.example/chat?a=2")
assert other.expire() == 0 and other.is_expired()
hit_type = client.get_hit(HITId=hit)["HIT"]["HITTypeId"]
_, compensation, _ = create_compensation_hit_with_hit_type(client, "It broke", hit_type)
outstanding = get_outstanding_hits(client)
assert {hit, compensation} <= {one["HITId"] for one in outstanding[hit_type]}
left = expire_and_dispose_hits(client, outstanding[hit_type], quiet=True)
assert [one["HITId"] for one in left] == [compensation]
assert until(lambda: expire_and_dispose_hits(client, left, quiet=True) == [])
print("mephisto lives")
