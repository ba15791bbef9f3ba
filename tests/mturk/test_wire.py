"""What the SDK does of its own accord: it waits where calls come too fast, and sends again what it had no answer to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.backend.workshop import Works, works
from tests.conftest import Chain
from tests.mturk.conftest import HIT, Turk, turk

BURST = 5


@pytest.fixture(scope="module", params=["sqlite"])
def running(shared_chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A marketplace that lets few calls through."""
    folder = tmp_path_factory.mktemp("wire")
    limits = {"PIECEWORK_OPERATOR_GAS": str(10**16), "PIECEWORK_MTURK_CALLS": "0.5", "PIECEWORK_MTURK_BURST": str(BURST)}
    with works(shared_chain, f"sqlite:///{folder}/piecework.db", Path(folder), **limits) as both:
        yield both


@pytest.fixture(scope="module")
def asker(running: Works) -> Turk:
    return turk(running)


def marked(client: Any, mark: str) -> Any:
    """The same client, whose calls all say that they are one call."""

    def mark_it(params: dict[str, Any], **_: Any) -> None:
        params["context"]["retries"] = {"invocation-id": mark}

    client.meta.events.register("before-call.mturk", mark_it)
    return client


def test_a_call_that_is_sent_again_is_carried_out_once(asker: Turk) -> None:
    client = marked(asker.client(), "6f1d4a5e-0000-4000-8000-000000000001")
    first, again = client.create_hit(**HIT)["HIT"], client.create_hit(**HIT)["HIT"]
    assert first["HITId"] == again["HITId"]
    with pytest.raises(ClientError, match="used for another request"):
        client.create_hit(**HIT | {"Title": "Is it a plane?"})


def test_too_many_calls_are_told_in_the_form_that_makes_the_sdk_wait(asker: Turk) -> None:
    impatient = asker.client(config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(ClientError) as error:
        for _ in range(2 * BURST):
            impatient.get_account_balance()
    assert error.value.response["Error"]["Code"] == "ThrottlingException"

    patient = asker.client(config=Config(retries={"total_max_attempts": 10, "mode": "standard"}))
    answer = patient.get_account_balance()
    assert answer["AvailableBalance"] and answer["ResponseMetadata"]["RetryAttempts"] > 0
