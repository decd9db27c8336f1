"""bin/run from its start to its end: the demo, a second bin/run, Ctrl-C, a kill, and refused configurations."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.harness.media_server import picture, serving
from tests.harness.process_tree import descendants, is_running
from tests.harness.waiting import wait_until
from tests.harness.whole_system import RunningSystem, environment_of, running_system
from tools.local import demo_church, ports, run
from tools.local.api_client import ApiClient
from tools.local.demo_church import DemoChurch
from tools.local.environment import ROOT

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc"),
    pytest.mark.timeout(300),
]


def refusal(variables: dict[str, str]) -> str:
    """Return the error of a bin/run that cannot start: it must be one line, with exit status 1."""
    command = (sys.executable, "-m", "tools.local.run")
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done
    return done.stderr


def open_to_others(folder: Path) -> dict[str, str]:
    """Return the mode of everything in the folder, and of the folder itself, to which other users have access."""
    modes = {path: path.lstat().st_mode for path in (folder, *folder.rglob("*")) if not path.is_symlink()}
    return {str(path): oct(mode) for path, mode in modes.items() if mode & 0o077}


def secrets_in_command_lines(var: Path, pid: int) -> set[str]:
    """Return the files whose secret is an argument of bin/run or of a process that it started."""
    files = [*var.glob("*.password"), *var.glob("*.secret")]
    assert {file.name for file in files} >= {"koinonia.password", "sandbox.password", "mail.secret"}
    command_lines = [
        Path(f"/proc/{each}/cmdline").read_bytes() for each in (pid, *descendants(pid)) if is_running(each)
    ]
    return {file.name for file in files if any(file.read_bytes().strip() in line for line in command_lines)}


def read_church(var: Path) -> DemoChurch:
    church = demo_church.read(var / "demo.env")
    assert church is not None
    return church


def stop_with_ctrl_c(system: RunningSystem) -> None:
    """Stop bin/run with the signal of Ctrl-C, and check that it stops everything in order."""
    processes = descendants(system.process.pid)
    system.process.send_signal(signal.SIGINT)
    assert system.process.wait(timeout=120) == 0
    assert not any(map(is_running, processes))
    stops = re.findall(r"^stopping (\w+)$", system.output.read_text(), flags=re.MULTILINE)
    assert stops == ["api", "workers", "clock", "alerts", "sandbox", "postgres", "valkey"]


def waiting_requests(server: socket.socket) -> list[bytes]:
    """Return what was sent on the connections that nobody has accepted."""
    requests_sent: list[bytes] = []
    with suppress(BlockingIOError):
        while True:
            connection, _ = server.accept()
            with connection:
                requests_sent.append(connection.recv(4096))
    return requests_sent


def test_bin_run_starts_everything_delivers_the_demo_and_stops_on_ctrl_c(tmp_path: Path, free_port: int) -> None:
    var = tmp_path / "var"
    variables = environment_of(var, free_port)

    with running_system(variables, tmp_path / "output") as system:
        # The demo message was delivered, and the banner shows how to continue.
        banner = system.output.read_text()
        assert "demo message: 1,000 of 1,000 delivered" in banner
        assert re.search(r"/rq \(log in as operator, password \S+\)", banner)
        assert f"-H 'Authorization: Bearer {read_church(var).api_key}'" in banner
        assert '-H "Idempotency-Key: ' in banner
        assert f"VAR_DIR={var} bin/flask --help" in banner
        mails = re.search(r"^Mails +(http://\S+)$", banner, re.MULTILINE)
        texts = re.search(r"^Texts +(http://\S+) ", banner, re.MULTILINE)
        assert mails is not None
        assert texts is not None
        assert "0 mails taken" in requests.get(mails[1], timeout=60).text
        assert len(requests.get(texts[1], timeout=60).text.splitlines()) == 1000

        # Only the owner can read its files, and no secret is in the process list.
        assert open_to_others(var) == {}
        assert secrets_in_command_lines(var, system.process.pid) == set()

        # A second bin/run is refused.
        assert f"another bin/run is using {var}" in refusal(variables)
        assert f"another bin/run is using {var}" in refusal({**variables, "PORT": str(ports.choose_port())})

        stop_with_ctrl_c(system)


@pytest.mark.extended
def test_a_restart_after_a_kill_keeps_the_data_and_sends_no_second_text(tmp_path: Path, free_port: int) -> None:
    var = tmp_path / "var"
    variables = environment_of(var, free_port)

    with running_system(variables, tmp_path / "first") as system:
        processes = descendants(system.process.pid)
        assert len(processes) > 10
        system.process.kill()
        system.process.wait()
        wait_until(lambda: not any(map(is_running, processes)), timeout_seconds=60)

    with running_system(variables, tmp_path / "second") as system:
        church = read_church(var)
        api = ApiClient(base_url=f"http://127.0.0.1:{free_port}", key=church.api_key)
        (message,) = api.get("/api/messages")["items"]
        assert api.get(message["links"]["self"])["counts"]["delivered"] == 1000
        assert "demo message" not in system.output.read_text()

        # Media on this machine may be used: the sandbox carrier does not fetch them.
        body = {"churchId": church.church_id, "channel": "mms", "targetType": "all"}
        with serving({"/flyer.jpg": picture()}) as media:
            sent = api.post("/api/messages/send", {**body, "mediaUrls": [f"http://127.0.0.1:{media.port}/flyer.jpg"]})
        assert sent["channel"] == "mms"

        stop_with_ctrl_c(system)


@pytest.mark.extended
def test_with_a_twilio_account_nothing_is_sent_by_itself(tmp_path: Path, free_port: int) -> None:
    var = tmp_path / "var"
    with socket.socket() as carrier:
        carrier.bind(("127.0.0.1", 0))
        carrier.listen()
        carrier.setblocking(False)
        account = {"TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "a-token"}
        base_url = f"http://127.0.0.1:{carrier.getsockname()[1]}"
        variables = environment_of(var, free_port, **account, TWILIO_API_BASE_URL=base_url, ENABLE_QUEUES="false")
        with running_system(variables, tmp_path / "output") as system:
            assert "demo" not in system.output.read_text().lower()
            assert {path.name for path in var.iterdir()}.isdisjoint({"demo.env", "valkey", "sandbox.port"})
            system.process.terminate()
            assert system.process.wait(timeout=120) == 0
        assert all(request.startswith(b"GET ") for request in waiting_requests(carrier))


def test_help_starts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run.main(["--help"])

    assert end.value.code == 0
    assert "usage: bin/run" in capsys.readouterr().out


def test_a_taken_port_is_reported_before_anything_is_written(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"port {port} of 127.0.0.1 is taken: set PORT" in refusal(environment_of(tmp_path / "var", port))
    assert not (tmp_path / "var").exists()


def test_an_unreachable_database_is_reported(tmp_path: Path, free_port: int) -> None:
    variables = environment_of(
        tmp_path, free_port, DATABASE_URL="postgresql://x:y@127.0.0.1:9/x", ENABLE_QUEUES="false"
    )
    command = (sys.executable, "-m", "tools.local.run")
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert 'connection to server at "127.0.0.1", port 9 failed' in done.stderr


def test_an_unreachable_redis_is_reported(tmp_path: Path, free_port: int) -> None:
    variables = environment_of(tmp_path, free_port, REDIS_URL="redis://:secret@127.0.0.1:9/0")
    assert "REDIS_URL redis://:***@127.0.0.1:9/0" in refusal(variables)
