"""deploy/systemd: the commands, how processes are stopped, and what they may not do."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.test_containers import GRACE_SECONDS
from tests.architecture.test_deployment import ROOT, procfile

UNITS = ROOT / "deploy" / "systemd"
SERVICES = {
    "koinonia-web@.service": "web",
    "koinonia-worker.service": "worker",
    "koinonia-clock.service": "clock",
    "koinonia-migrate.service": "release",
}
"""The services, with their lines in the Procfile."""
BIN = "/opt/koinonia/.venv/bin/"
HARDENING = {
    "NoNewPrivileges": "true",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "true",
    "PrivateTmp": "true",
    "PrivateDevices": "true",
    "ProtectKernelTunables": "true",
    "ProtectControlGroups": "true",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictSUIDSGID": "true",
    "UMask": "0077",
}


def unit(name: str) -> dict[str, dict[str, list[str]]]:
    """The values of each option of each section. Fails at a line that is none of section, option and comment."""
    sections: dict[str, dict[str, list[str]]] = {}
    options: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            options = sections.setdefault(line[1:-1], {})
            continue
        option, equals, value = line.partition("=")
        assert equals and option.isalpha(), line
        options.setdefault(option, []).append(value)
    return sections


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_the_command_of_the_procfile_as_a_user_of_its_own(name: str) -> None:
    service = unit(name)["Service"]

    assert [each.removeprefix(BIN) for each in service["ExecStart"]] == [procfile()[SERVICES[name]]]
    assert service["ExecStart"][0].startswith(BIN)
    assert (service["User"], service["Group"]) == (["koinonia"], ["koinonia"])
    assert service["EnvironmentFile"] == ["/etc/koinonia/koinonia.env"]


@pytest.mark.parametrize("name", [name for name, line in SERVICES.items() if line != "release"])
def test_sigterm_reaches_the_main_process_alone_which_has_time_to_drain(name: str) -> None:
    service = unit(name)["Service"]

    assert (service["KillMode"], service["KillSignal"]) == (["mixed"], ["SIGTERM"])
    assert int(service["TimeoutStopSec"][0]) > GRACE_SECONDS[SERVICES[name]]
    assert service["Restart"] == ["always"]


def test_the_grace_periods_are_those_of_the_processes() -> None:
    gunicorn = (ROOT / "gunicorn.conf.py").read_text()
    worker = (ROOT / "worker.py").read_text()

    assert f"graceful_timeout = {GRACE_SECONDS['web']}\n" in gunicorn
    assert f"default={GRACE_SECONDS['worker']}.0," in worker


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_little(name: str) -> None:
    service = unit(name)["Service"]

    assert {option: service.get(option) for option in HARDENING} == {
        option: [value] for option, value in HARDENING.items()
    }


def test_both_web_services_share_one_socket_that_stays_open() -> None:
    web, target = unit("koinonia-web@.service"), unit("koinonia.target")

    assert web["Service"]["Sockets"] == ["koinonia-web.socket"]
    assert web["Unit"]["Requires"] == ["koinonia-web.socket"]
    assert web["Service"]["Type"] == ["notify"]
    wanted = target["Unit"]["Wants"][0].split()
    assert set(wanted) == {
        "koinonia-web.socket",
        "koinonia-web@1.service",
        "koinonia-web@2.service",
        "koinonia-worker.service",
        "koinonia-clock.service",
    }


SYSTEMD = shutil.which("systemd-analyze")


@pytest.mark.skipif(SYSTEMD is None, reason="systemd is not on this machine; the tests above run everywhere")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """With the paths of this checkout, because systemd looks whether the programs exist."""
    for file in UNITS.iterdir():
        text = file.read_text().replace(BIN, f"{Path(sys.executable).parent}/")
        (tmp_path / file.name.replace("@.", "@1.")).write_text(text)
    files = [str(file) for file in tmp_path.iterdir()]

    done = subprocess.run((str(SYSTEMD), "verify", "--man=no", *files), capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, ""), shlex.join(files)
