"""What of a job's policies its manifest says."""

from backend.services.policies import Policies


def test_a_job_that_uses_nothing_new_keeps_the_manifest_that_it_had() -> None:
    """The chain's hash covers the manifest, and the same job has the same id in every version."""
    overlap = {"confidence_bps": 9_000, "least": 2}
    gold = {"share_bps": 1_000, "first": 1, "least_bps": 7_000, "pass_right": 0}
    before = Policies(overlap=overlap, gold=gold).manifest()
    assert Policies(overlap=overlap | {"by_skill": False}, gold=gold | {"good_bps": 0}).manifest() == before
    after = Policies(overlap=overlap | {"by_skill": True}, gold=gold | {"good_bps": 9_000}).manifest()
    assert after["overlap"]["by_skill"] is True and after["gold"]["good_bps"] == 9_000
