"""What is locked is remembered as of the newest final block, and only what changed since is asked; the sum is that over all jobs."""

from backend.mturk.locked import Locked
from backend.store import mirror
from backend.store.database import Store
from tests.backend.workshop import Works
from tests.mturk.conftest import HIT, turk


def test_only_what_changed_is_asked_and_nothing_is_missed(running: Works) -> None:
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
        assert list(counted._known[of].locked.values()) == [50_000], "three jobs hold nothing any more"
        counted._known[of].keep({"another": 7}, counted._known[of].final)
        assert both() == (50_007, 50_000), "what was final isn't asked again"
        counted._known[of].keep({"another": 0}, counted._known[of].final)
        asker.job_of(client.create_hit(**HIT | {"Title": "Locked anew"})["HIT"]["HITId"])
        assert both() == (100_000, 100_000)
        careful = Locked(token, 10**6)
        with store.read() as connection:
            assert careful.of(connection, of) == 100_000 and not careful._known[of].locked, "a reorg could change all of it"
    finally:
        store.close()
