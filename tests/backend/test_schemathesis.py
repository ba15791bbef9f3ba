"""The whole OpenAPI document against a running marketplace, signed in: no fault of the server's, and every answer as it is described."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.failures import Failure, FailureGroup

from tests.backend.workshop import Works, quick_job, sign_in, works
from tests.conftest import Chain

HABITS = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""Requests an address, as many right ones as wrong ones, always the same."""
HELD = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
STREAMS = "/v1/events"


@pytest.fixture(scope="module")
def market(shared_chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    folder = tmp_path_factory.mktemp("schemathesis")
    with works(shared_chain, f"sqlite:///{folder}/piecework.db", folder) as shared:
        yield shared


@pytest.fixture(scope="module")
def token(market: Works) -> str:
    """The requester's, who has a job with units to look at."""
    quick_job(market, [("a", 2), ("b", 2)])
    return sign_in(market, market.chain.requester)


@pytest.mark.timeout(600)
def test_every_address(market: Works, token: str) -> None:
    document = schemathesis.openapi.from_url(f"{market.url}/openapi.json")
    checks = [check for check in CHECKS.get_all() if check.__name__ in HELD]
    wrong: list[str] = []
    count = 0

    def ask(cases: SearchStrategy[schemathesis.Case]) -> None:
        @HABITS
        @given(case=cases)
        def once(case: schemathesis.Case) -> None:
            case.call_and_validate(headers={"authorization": f"Bearer {token}"}, checks=checks, timeout=30)

        once()

    for found in document.get_all_operations():
        operation = found.ok()
        if operation.path == STREAMS:
            continue
        count += 1
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                ask(operation.as_strategy(generation_mode=mode))
            except Unsatisfiable:
                assert mode == GenerationMode.NEGATIVE, operation.label  # nothing of it can be wrong
            except (FailureGroup, Failure, AssertionError) as failure:
                wrong.append(f"{operation.label}: {failure}")
    assert not wrong, "\n\n".join(wrong)
    assert count >= 100
