"""What is locked is asked of the jobs that may hold money, and of no others; the sum is that over all jobs."""

from backend.mturk.locked import Locked
from backend.store import mirror
from backend.store.database import Store
from tests.backend.workshop import Works
from tests.mturk.conftest import HIT, turk


def test_jobs_without_money_are_forgotten_and_nothing_is_missed(running: Works) -> None:
    asker, token = turk(running), running.chain.deployment.token
    client, of = asker.client(), asker.requester.address
    hits = [client.create_hit(**HIT | {"Title": f"Locked {number}"})["HIT"]["HITId"] for number in range(4)]
    for hit in hits:
        asker.job_of(hit)
    store, counted = Store(running.database_url), Locked(token, 0)
    try:

        def both() -> tuple[int, int]:
            with store.read() as connection:
                return counted.of(connection, of), mirror.locked(connection, of, token)

        assert both() == (200_000, 200_000)
        for hit in hits[1:]:
            client.update_expiration_for_hit(HITId=hit, ExpireAt=0)
        asker.until(lambda: both() == (50_000, 50_000))
        both()
        assert len(counted._known[of].jobs) == 1, "three jobs hold nothing any more"
        asker.job_of(client.create_hit(**HIT | {"Title": "Locked anew"})["HIT"]["HITId"])
        assert both() == (100_000, 100_000)
        careful = Locked(token, 10**6)
        with store.read() as connection:
            assert careful.of(connection, of) == 100_000 and len(careful._known[of].jobs) == 5, "a reorg could give them money back"
    finally:
        store.close()
