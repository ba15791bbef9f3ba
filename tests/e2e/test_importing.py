"""`piecework import`: exported files come in, a worker claims its old id, and has what that had."""

import base64
import json
from pathlib import Path

from piecework.domain.typed_data import Key
from tests.e2e.conftest import Marketplace, piecework
from tests.e2e.test_workers import client
from tests.unit.test_importing import files


def test_a_past_comes_along(market: Marketplace, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    for _ in range(2):
        said = json.loads(market.run("import", "mturk", *map(str, files(tmp_path)), "--leave", "--out", str(kept), "--json").stdout)
        assert (said["workers"], said["assignments"], said["blocked"], said["qualification_types"]) == (3, 5, 2, 1), said
    turk = client(market)
    types = turk.list_qualification_types(Query="Birds", MustBeRequestable=False, MustBeOwnedByCaller=True)["QualificationTypes"]
    assert [one["Name"] for one in types] == ["Birds"], "made once"
    assert said["left"] == 3
    (tmp_path / "key").write_text("0x" + (b"\x64" * 32).hex())
    sent = market.run("import", "claim", "A1ME", "3A", "3C", "3D", "--account", str(tmp_path / "key"), "--send")
    assert sent.stdout.endswith(": welcome, 1 qualifications granted.\n")
    assert turk.get_qualification_score(QualificationTypeId=types[0]["QualificationTypeId"], WorkerId="A1ME")["Qualification"]["IntegerValue"] == 7
    lines = []
    for secret, old, ids in ((b"\x61", "A1ME", ["3A", "3B", "3C"]), (b"\x62", "A2SHE", ["3E"]), (b"\x63", "A1ME", ["3A", "3B", "3D"])):
        (tmp_path / "key").write_text("0x" + (secret * 32).hex())
        lines.append(market.run("import", "claim", old, *ids, "--account", str(tmp_path / "key")).stdout)
    (tmp_path / "claims").write_text("".join(lines))
    done = market.run("import", "accept", str(kept), str(tmp_path / "claims"), "--json", check=False)
    said = json.loads(done.stdout)
    assert done.returncode == 1 and said["accepted"] == {"A1ME": "welcome, 1 qualifications granted", "A2SHE": "blocked, as it was"}, done.stderr
    assert "has claimed it before" in said["refused"]["A1ME"]
    me, she = ("A" + base64.b32encode(bytes.fromhex(Key(secret * 32).address[2:])).decode() for secret in (b"\x61", b"\x62"))
    assert turk.get_qualification_score(QualificationTypeId=types[0]["QualificationTypeId"], WorkerId=me)["Qualification"]["IntegerValue"] == 7
    assert {"WorkerId": she, "Reason": "rude"} in turk.list_worker_blocks(MaxResults=100)["WorkerBlocks"]
    (tmp_path / "claims").write_text("nonsense\n")
    wrong = market.run("import", "accept", str(kept), str(tmp_path / "claims"), check=False)
    assert wrong.returncode == 1 and "no claim" in wrong.stderr and "Traceback" not in wrong.stderr
    assert "Take along" in piecework("import", "--help").stdout
