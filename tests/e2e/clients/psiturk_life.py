"""psiTurk 3.3.1's own commands over Mechanical Turk: post, approve, bonus, reject and take that back, extend, expire, delete."""

from pathlib import Path

from crowd import work

WORDS = "Stroop psiturk"
Path("config.txt").write_text(
    f"[HIT Configuration]\ntitle = {WORDS}\ndescription = Say the colour.\nkeywords = colour, words\nus_only = false\n"
    "ad_url = https://lab.example/pub\n[Database Parameters]\ndatabase_url = sqlite:///participants.db\n"
)

from psiturk.amt_services_wrapper import MTurkServicesWrapper  # noqa: E402  # it reads the file when it is imported


def good(response):
    """What psiTurk's command gave, which must have succeeded."""
    assert response.success, response
    return response.data


for mode in ("sandbox", "live"):
    turk = MTurkServicesWrapper(mode=mode)
    before = float(good(turk.amt_balance()))
    hit = good(turk.create_hit(num_workers=3, reward="0.10", duration=1))["hit_id"]
    assert float(good(turk.amt_balance())) <= before - 0.3 + 0.001
    (mine,) = [one for one in good(turk.get_active_hits()) if one.options["hitid"] == hit]
    assert (mine.options["status"], mine.options["max_assignments"]) == ("Assignable", 3)
    work(WORDS, 3)
    assert hit in [one.options["hitid"] for one in good(turk.get_reviewable_hits())]
    first, second, third = good(turk.get_assignments(hit_ids=[hit], all_studies=True, assignment_status=None))["assignments"]
    good(turk.approve_assignment_by_assignment_id(first["assignmentId"], all_studies=True))
    assert not turk.approve_assignment_by_assignment_id(first["assignmentId"], all_studies=True).success, "twice is an error"
    good(turk.bonus_assignment_for_assignment_id(first["assignmentId"], 0.25, "Well done", all_studies=True))
    good(turk.reject_assignment(second["assignmentId"]))
    good(turk.unreject_assignment(second["assignmentId"]))
    assert not turk.delete_hit(hit).success, "one answer isn't reviewed"
    results = good(turk.approve_assignments_for_hit(hit, all_studies=True))["results"]
    assert [one.success for one in results] == [True]
    assert {one["status"] for one in turk.amt_services.get_assignments(hit_ids=[hit]).data} == {"Approved"}
    good(turk.extend_hit(hit, assignments=2, minutes=30))
    assert good(turk.get_hit(hit)).options["number_assignments_available"] == 2
    assert good(turk.list_qualification_types())["qualification_types"] is not None
    good(turk.expire_hit(hit))
    good(turk.delete_hit(hit))
    assert hit not in [one.options["hitid"] for one in good(turk.get_all_hits())]
print("psiturk lives")
