"""`piecework verify`: one command says whether content is what the chain holds its hash of, and notices when it isn't."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.backend.test_drafts import described, lines, mint, opened, send, upload
from tests.backend.workshop import Works, call, new_key, sign_in
from tests.support.nursery import nursery


def piecework(market: Works, *typed: str, key: Any = None, forked: bool = True) -> subprocess.CompletedProcess[str]:
    """`piecework verify` to its end; where it isn't forked, as a process that begins with nothing."""
    environment = os.environ | ({"PIECEWORK_KEY": "0x" + key.secret.hex()} if key else {})
    command = ["piecework.cli", "verify", *typed, "--url", market.url]
    if forked:
        return nursery().run(*command, environment=environment)
    return subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, env=environment, timeout=60, check=False)


@pytest.fixture(scope="module")
def job(market: Works) -> dict[str, Any]:
    """A funded job of 1,500 units."""
    key = market.chain.requester
    token = sign_in(market, key)
    draft = call(market, "POST", "/v1/drafts", described(), token).body["id"]
    assert upload(market, token, draft, lines(1_500)).status == 201
    made = call(market, "POST", f"/v1/drafts/{draft}/prepare", {}, token).body
    mint(market, key, int(made["amount"]))
    for transaction in call(market, "GET", f"/v1/jobs/{made['id']}/funding", token=token).body["transactions"]:
        send(market, key, transaction)
    return opened(market, made["id"])


def test_a_job_and_all_of_its_units_are_proven(market: Works, job: dict[str, Any]) -> None:
    said = piecework(market, job["id"], "--all", "--unit", "1499", key=market.chain.requester, forked=False)
    assert said.returncode == 0, said.stderr
    assert "money for 1500 slots" in said.stdout and "1 unit proven" in said.stdout and "All 1500 units" in said.stdout


def test_anybody_sees_that_the_content_is_the_terms(market: Works, job: dict[str, Any], tmp_path: Path) -> None:
    deployment = tmp_path / "deployment.json"
    market.chain.deployment.save(deployment)
    said = piecework(market, job["id"], "--deployment", str(deployment), "--rpc", market.chain.rpc.url)
    assert said.returncode == 0 and "content is what they say" in said.stdout


def test_who_has_no_right_is_told_so(market: Works, job: dict[str, Any]) -> None:
    assert "--key-file" in piecework(market, job["id"], "--unit", "0").stderr
    stranger = piecework(market, job["id"], "--unit", "0", key=new_key())
    assert stranger.returncode == 1 and "requester" in stranger.stderr
    everything = piecework(market, job["id"], "--all", key=new_key())
    assert everything.returncode == 1 and "--unit" in everything.stderr


def test_a_unit_that_was_changed_is_noticed(market: Works, job: dict[str, Any]) -> None:
    place = market.rows("SELECT content FROM posting WHERE job = :job", job=job["id"])[0][0]
    path = market.data / "content" / place
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"unit 7"', b'"unit X"'))
    try:
        one = piecework(market, job["id"], "--unit", "7", key=market.chain.requester)
        assert one.returncode == 1 and "Unit 7" in one.stderr
        assert piecework(market, job["id"], "--unit", "8", key=market.chain.requester).returncode == 0
        everything = piecework(market, job["id"], "--all", key=market.chain.requester)
        assert everything.returncode == 1 and "another" in everything.stderr
    finally:
        path.write_bytes(whole)


def test_terms_that_were_changed_are_noticed(market: Works, job: dict[str, Any]) -> None:
    market.write("UPDATE posting SET assignment_seconds = assignment_seconds, closes_at = closes_at + 1 WHERE job = :job", job=job["id"])
    try:
        said = piecework(market, job["id"])
        assert said.returncode == 1 and "another id" in said.stderr
    finally:
        market.write("UPDATE posting SET closes_at = closes_at - 1 WHERE job = :job", job=job["id"])
    market.write("UPDATE posting SET manifest = replace(manifest, 'Look and say', 'Look & say') WHERE job = :job", job=job["id"])
    try:
        said = piecework(market, job["id"])
        assert said.returncode == 1 and "manifest" in said.stderr
    finally:
        market.write("UPDATE posting SET manifest = replace(manifest, 'Look & say', 'Look and say') WHERE job = :job", job=job["id"])
