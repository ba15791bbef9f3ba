"""What docs/mturk.md tells people to type works."""

import json
import re
import subprocess
import sys
from pathlib import Path

import boto3

from piecework.chain.build import ROOT
from tests.stack.workshop import place

PAGE = ROOT / "docs" / "mturk.md"


def blocks(kind: str) -> list[str]:
    """The page's blocks of code of a kind."""
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_pages_commands_do_what_it_says(tmp_path: Path) -> None:
    (script,), (command, crowd, batch, _, issue) = blocks("python"), blocks("sh")
    with place(tmp_path / "data") as here:
        stack = here.up("--port", "0")
        path = ["PATH", f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"]
        typed = script.replace('["piecework", "up", "--detach", "--json"]', json.dumps(["piecework", "up", "--detach", "--json", "--data", stack["data"]]))
        assert typed != script
        said = subprocess.run([sys.executable, "-c", typed], env=dict([path, ["HOME", str(tmp_path)]]), capture_output=True, text=True, timeout=120)
        assert said.stdout.strip() == "100000.00", said.stderr
        program = tmp_path / "my_program.py"
        program.write_text(
            "import boto3\n"
            "client = boto3.client('mturk', endpoint_url='https://mturk-requester.us-east-1.amazonaws.com', region_name='us-east-1')\n"
            "print(client.get_account_balance()['AvailableBalance'])\n"
        )
        words = command.split()
        assert words[:3] == ["piecework", "run", "--"]
        run = [sys.executable, "-m", "piecework.cli", "run", "--data", stack["data"], "--", sys.executable, str(program)]
        said = subprocess.run(run, env=dict([path, ["HOME", str(tmp_path)]]), capture_output=True, text=True, timeout=60)
        assert said.stdout.strip() == "100000.00", said.stderr
        words = crowd.split()
        assert words[:2] == ["piecework", "workers"]
        idle = [sys.executable, "-m", "piecework.cli", *words[1:], "--data", stack["data"], "--idle", "1", "--json"]
        said = subprocess.run(idle, capture_output=True, text=True, timeout=60)
        assert json.loads(said.stdout)["answered"] == 0, said.stderr
        (tmp_path / "page.html").write_text("<form><p>${q}</p><input name=a></form>")
        (tmp_path / "rows.csv").write_text("q\nIs it?\nIs it not?\n")
        for line in batch.splitlines():
            typed_line = line.replace("piecework", f"{sys.executable} -m piecework.cli", 1) + f" --data {stack['data']}"
            said = subprocess.run(typed_line, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=60)
            assert said.returncode == 0, said.stderr + said.stdout
        words = issue.split()
        assert words[:2] == ["piecework", "mturk-key"]
        made = [sys.executable, "-m", "piecework.cli", *words[1:], "--data", stack["data"]]
        said = subprocess.run(made, capture_output=True, text=True, timeout=60)
        assert said.returncode == 0, said.stderr
        key = json.loads(said.stdout)
        client = boto3.client(
            "mturk", endpoint_url=key["endpoint_url"], region_name=key["region_name"],
            aws_access_key_id=key["access_key_id"], aws_secret_access_key=key["secret_access_key"],
        )  # fmt: skip
        assert client.get_account_balance()["AvailableBalance"] == "250.00"
        refused = subprocess.run([*made, "--allowance", "a lot"], capture_output=True, text=True, timeout=60)
        assert refused.returncode == 1 and "--allowance is an amount" in refused.stderr
        failing = subprocess.run([*run[:-2], "false"], env=dict([path]), capture_output=True, timeout=60)
        assert failing.returncode == 1
