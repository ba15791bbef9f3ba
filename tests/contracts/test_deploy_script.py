"""ape's deploy script runs in an environment without this package, so it writes the deployment file by itself."""

import re

from piecework.chain.build import ROOT
from piecework.chain.deployment import Deployment


def test_apes_deploy_script_writes_every_field_of_a_deployment() -> None:
    source = (ROOT / "scripts" / "deploy.py").read_text()
    written = re.findall(r'^        "(\w+)": ', source, re.MULTILINE)
    assert written == list(Deployment.__slots__)
