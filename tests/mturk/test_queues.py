"""Events reach an SQS queue, and an SNS topic with a queue behind it, of a server that speaks as Amazon's does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from backend.mturk.ids import worker_id
from tests.backend.workshop import Works, works
from tests.conftest import Chain
from tests.mturk.conftest import HIT, Turk, turk
from tests.mturk.test_people import Listener, address

__all__ = ["address"]  # the fixture

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


@pytest.fixture
def amazon() -> Iterator[str]:
    """SQS and SNS, as a server."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


@pytest.fixture
def connected(shared_chain: Chain, tmp_path: Path, amazon: str) -> Iterator[Works]:
    """A marketplace that knows where the queues are."""
    options = {"PIECEWORK_OPERATOR_GAS": str(10**16), "PIECEWORK_MTURK_SQS": amazon, "PIECEWORK_MTURK_SNS": amazon, "PIECEWORK_WEBHOOKS_ANYWHERE": "true"} | KEYS
    with works(shared_chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path, **options) as both:
        yield both


def service(kind: str, url: str) -> Any:
    return boto3.client(kind, endpoint_url=url, region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")


def heard(asker: Turk, sqs: Any, queue: str, count: int) -> list[dict[str, Any]]:
    """The documents in a queue, as soon as there are so many; a topic's come in an envelope."""
    found: list[dict[str, Any]] = []

    def enough() -> bool:
        for one in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            body = json.loads(one["Body"])
            found.append(json.loads(body["Message"]) if "Message" in body else body)
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        return len(found) >= count

    asker.until(enough)
    return found


def test_events_reach_queue_topic_and_webhook(connected: Works, amazon: str, address: str) -> None:
    asker, sqs, sns = turk(connected), service("sqs", amazon), service("sns", amazon)
    client = asker.client()
    straight, behind = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("straight", "behind"))
    topic = sns.create_topic(Name="events")["TopicArn"]
    arn = sqs.get_queue_attributes(QueueUrl=behind, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    given = {name: HIT[name] for name in ("Title", "Description", "Keywords", "Reward", "AssignmentDurationInSeconds")}
    for transport, destination, queue in (("SQS", straight, straight), ("SNS", topic, behind)):
        kind = client.create_hit_type(**given | {"Title": transport})["HITTypeId"]
        wanted = {"Destination": destination, "Transport": transport, "Version": "2006-05-05", "EventTypes": ["HITCreated", "HITReviewable"]}
        client.update_notification_settings(HITTypeId=kind, Notification=wanted, Active=True)
        client.send_test_event_notification(Notification=wanted, TestEventType="Ping")
        hit = client.create_hit_with_hit_type(HITTypeId=kind, LifetimeInSeconds=600, Question=HIT["Question"])["HIT"]["HITId"]
        client.update_expiration_for_hit(HITId=hit, ExpireAt=0)
        documents = heard(asker, sqs, queue, 3)
        assert sorted(one["Events"][0]["EventType"] for one in documents) == ["HITCreated", "HITReviewable", "Ping"]
        (made,) = [one for one in documents if one["Events"][0]["EventType"] == "HITCreated"]
        assert made["EventDocVersion"] == "2006-05-05" and made["CustomerId"] == worker_id(asker.requester.address)
        assert made["Events"][0] | {"EventTimestamp": ""} == {"EventType": "HITCreated", "EventTimestamp": "", "HITTypeId": kind, "HITId": hit}
        assert len({one["EventDocId"] for one in documents}) == 3
    for transport in ("SQS", "SNS"):
        wanted = {"Destination": address, "Transport": transport, "Version": "2006-05-05", "EventTypes": ["HITCreated"]}
        client.send_test_event_notification(Notification=wanted, TestEventType="Ping")
    asker.until(lambda: len(Listener.heard) == 2)
