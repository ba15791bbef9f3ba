"""compose.yaml says what is there: commands that exist, settings that are read, services and ports that fit one another."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

import backend.settings
import indexer.settings
from piecework.chain.build import ROOT
from piecework.chain.rpc import Rpc
from piecework.stack.anvil import devnet_program
from tests.support.devnet import anvil

PROGRAMS = {"anvil": lambda: devnet_program("anvil")}
SETTINGS = {"backend": backend.settings.Settings, "indexer": indexer.settings.Settings}
VARIABLE = re.compile(r"\$\{(\w+)(?::?[-?]((?:[^{}]|\$\{[^}]*\})*))?\}")
PORT_SETTINGS = {"backend": "PIECEWORK_PORT", "indexer": "PIECEWORK_INDEXER_PORT"}


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return found


def devnet_environment() -> dict[str, str]:
    lines = (ROOT / "deploy" / "devnet.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def filled(value: str, given: dict[str, str]) -> str:
    """The value with its variables as compose fills them."""
    return VARIABLE.sub(lambda m: given[m[1]] if m[1] in given else filled(m[2] or "", given), value)


def module_of(service: dict[str, Any]) -> str | None:
    command = service.get("command", [])
    return command[2] if command[:2] == ["python", "-m"] else None


def faults(composed: dict[str, Any]) -> list[str]:
    """What doesn't fit, as sentences."""
    return [f"{name}: {fault}" for name, service in composed["services"].items() for fault in _faults(composed, name, service)]


def _faults(composed: dict[str, Any], name: str, service: dict[str, Any]) -> Iterator[str]:
    module, environment = module_of(service), service.get("environment", {})
    yield from _command_faults(service)
    if module in SETTINGS:
        yield from _settings_faults(SETTINGS[module], environment)
        yield from _port_faults(service, environment[PORT_SETTINGS[module]])
    for other, how in service.get("depends_on", {}).items():
        if other not in composed["services"]:
            yield f"depends on {other}, which isn't there"
        elif how["condition"] == "service_healthy" and "healthcheck" not in composed["services"][other]:
            yield f"waits for {other} to be healthy, which never says so"
    for volume in service.get("volumes", []):
        source = filled(volume, {}).split(":")[0]
        if source.startswith("."):
            if not (ROOT / source).exists():
                yield f"mounts {source}, which isn't there"
        elif source not in composed["volumes"]:
            yield f"mounts the volume {source}, which isn't declared"


def _command_faults(service: dict[str, Any]) -> Iterator[str]:
    command = service.get("command", [])
    if not command:
        if service.get("image") == "piecework":
            yield "has no command"
    elif command[:2] == ["python", "-m"]:
        if importlib.util.find_spec(command[2]) is None:
            yield f"there is no module {command[2]}"
    elif command[0] not in PROGRAMS:
        yield f"there is no program {command[0]}"


def _settings_faults(settings: Any, environment: dict[str, str]) -> Iterator[str]:
    names = {f"PIECEWORK_{field.upper()}": field for field in settings.model_fields}
    for key in environment.keys() - names.keys():
        yield f"{key} is no setting"
    for key, field in names.items():
        if settings.model_fields[field].is_required() and key not in environment:
            yield f"{key} is missing"


def _port_faults(service: dict[str, Any], port: str) -> Iterator[str]:
    if service["expose"] != [port]:
        yield f"listens on {port} and exposes {service['expose']}"
    if f":{port}/" not in " ".join(service.get("healthcheck", {}).get("test", [f":{port}/"])):
        yield "its health is asked at another port"


def test_every_service_fits_the_programs_their_settings_and_one_another() -> None:
    assert faults(services()) == []


def test_both_kinds_run_twice_and_the_proxy_knows_each_api_by_name_and_port() -> None:
    composed = services()["services"]
    apis = [name for name, service in composed.items() if module_of(service) == "backend"]
    assert len(apis) == 2 and composed["indexer"]["deploy"]["replicas"] == 2
    nginx = (ROOT / "deploy" / "nginx.conf").read_text()
    assert re.findall(r"server (\S+) resolve", nginx) == [f"{name}:{composed[name]['expose'][0]}" for name in apis]
    assert set(composed["proxy"]["depends_on"]) == set(apis)
    inside = composed["proxy"]["ports"][0].rpartition(":")[2]
    assert f"listen {inside};" in nginx


def test_what_coordinators_share_is_the_same_for_both() -> None:
    composed = services()["services"]
    assert composed["api-1"] == composed["api-2"]
    assert any(volume.startswith("content:") for volume in composed["api-1"]["volumes"])


def test_with_the_devnets_variables_both_programs_take_their_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    given, composed = devnet_environment(), services()["services"]
    for name, kind in (("api-1", "backend"), ("indexer", "indexer")):
        for key, value in composed[name]["environment"].items():
            monkeypatch.setenv(key, filled(value, given))
        settings = SETTINGS[kind]()
        assert settings.rpc_url == given["PIECEWORK_RPC_URL"] and "$" not in settings.database_url
        assert given["POSTGRES_PASSWORD"] in settings.database_url


def test_every_variable_without_a_default_is_in_the_devnets_file() -> None:
    text = (ROOT / "compose.yaml").read_text()
    needed = set(re.findall(r"\$\{(\w+):\?", text))
    assert needed and needed <= devnet_environment().keys()


@pytest.mark.parametrize(
    ("service", "change", "said"),
    [
        ("api-1", lambda s: s["environment"].update(PIECEWORK_DATABSE_URL="x"), "PIECEWORK_DATABSE_URL is no setting"),
        ("api-2", lambda s: s["environment"].pop("PIECEWORK_DATA"), "PIECEWORK_DATA is missing"),
        ("indexer", lambda s: s.update(command=["python", "-m", "indexr"]), "there is no module indexr"),
        ("chain", lambda s: s["command"].__setitem__(0, "anvill"), "there is no program anvill"),
        ("proxy", lambda s: s["depends_on"].update({"api-3": {"condition": "service_healthy"}}), "depends on api-3"),
        ("database", lambda s: s.pop("healthcheck"), "waits for database to be healthy"),
        ("api-1", lambda s: s.update(expose=["8080"]), "listens on 8000"),
        ("proxy", lambda s: s.update(volumes=["./deploy/ngnix.conf:/etc/nginx/nginx.conf:ro"]), "mounts ./deploy/ngnix.conf"),
        ("chain", lambda s: s.update(volumes=["chian:/chain"]), "mounts the volume chian"),
    ],
)
def test_a_slip_is_noticed(service: str, change: Any, said: str) -> None:
    composed = deepcopy(services())
    change(composed["services"][service])
    assert any(said in fault for fault in faults(composed))


def test_the_image_holds_what_the_services_run() -> None:
    lines = (ROOT / "Dockerfile").read_text()
    copied = re.search(r"^COPY (Makefile .*) \./$", lines, re.MULTILINE)
    assert copied and all((ROOT / name).is_file() for name in copied[1].split())
    targets = re.search(r"^RUN make (\.venv.*)$", lines, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    assert targets and all(f"\n{target}: " in makefile for target in targets[1].split())


def test_the_devnets_escrow_is_put_there_once(tmp_path: Path) -> None:
    with anvil() as rpc:
        first, second = (_deploy(rpc, tmp_path) for _ in range(2))
        assert first.returncode == second.returncode == 0, first.stderr + second.stderr
        assert first.stdout == second.stdout and (tmp_path / "deployment.json").exists()
        rpc.call("anvil_setBalance", "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266", "0x0")
        refused = _deploy(rpc, tmp_path)
        assert refused.returncode == 2 and "no devnet" in refused.stderr


def _deploy(rpc: Rpc, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "piecework.stack.devnet", rpc.url, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
