"""Ids fit the interface's patterns and lead back to what they name."""

import re
import secrets

from backend.mturk.ids import LENGTH, account_of, assignment_id, derived_id, id_of_assignment, new_id, worker_id

ENTITY, WORKER = re.compile(r"[A-Z0-9]{1,64}"), re.compile(r"A[A-Z0-9]{1,63}")


def test_ids_fit_their_patterns_and_lead_back() -> None:
    account, id = "0x" + secrets.token_hex(20), "0x" + secrets.token_hex(16)
    assert WORKER.fullmatch(worker_id(account)) and account_of(worker_id(account)) == account
    assert ENTITY.fullmatch(assignment_id(id)) and id_of_assignment(assignment_id(id)) == id


def test_what_names_nothing_leads_nowhere() -> None:
    assert [account_of(text) for text in ("A", "A1", "B" + "A" * 32, "AABC", "A" * 64)] == [None] * 5
    assert [id_of_assignment(text) for text in ("3", "3ABC", "A" * 27, "30000")] == [None] * 4


def test_new_ids_differ_and_derived_ones_do_not() -> None:
    assert new_id() != new_id() and len(new_id()) == LENGTH and ENTITY.fullmatch(new_id())
    assert derived_id("a", "b") == derived_id("a", "b") != derived_id("ab", "")
