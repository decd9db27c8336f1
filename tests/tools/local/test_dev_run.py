"""bin/run as its user meets it: one command, a demo, an orderly end, and nothing left behind."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.harness.media_server import picture, serving
from tests.harness.process_tree import descendants, is_running
from tests.harness.waiting import wait_until
from tests.harness.whole_system import environment_of, running_system
from tools.local import demo_church
from tools.local.api_client import ApiClient
from tools.local.environment import ROOT

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc"),
    pytest.mark.timeout(300),
]


def refusal(given: dict[str, str]) -> str:
    """What a bin/run that cannot start says; it must be one line, and the exit status 1."""
    command = (sys.executable, "-m", "tools.local.run")
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done
    return done.stderr


def open_to_others(folder: Path) -> dict[str, str]:
    """Everything in the folder, and the folder itself, whose mode lets in anyone but the owner."""
    modes = {path: path.lstat().st_mode for path in (folder, *folder.rglob("*")) if not path.is_symlink()}
    return {str(path): oct(mode) for path, mode in modes.items() if mode & 0o077}


def secrets_shown(var: Path, pid: int) -> set[str]:
    """The files whose secret is an argument of a process that bin/run has started."""
    files = [*var.glob("*.password"), *var.glob("*.secret")]
    assert {file.name for file in files} >= {"koinonia.password", "sandbox.password", "mail.secret"}
    command_lines = [
        Path(f"/proc/{each}/cmdline").read_bytes() for each in (pid, *descendants(pid)) if is_running(each)
    ]
    return {file.name for file in files if any(file.read_bytes().strip() in line for line in command_lines)}


def test_a_life(tmp_path: Path, free_port: int) -> None:
    var = tmp_path / "var"
    given = environment_of(var, free_port)

    # Given a clone that was never started, everything comes up and the demo is sent.
    with running_system(given, tmp_path / "first") as run:
        told = run.output.read_text()
        assert "demo message: 1,000 of 1,000 delivered" in told
        assert re.search(r"/rq \(password \S+\)", told)
        church = demo_church.read(var / "demo.env")
        assert church is not None
        assert f"-H 'Authorization: Bearer {church.api_key}'" in told
        assert '-H "Idempotency-Key: ' in told

        # What it sent can be looked at.
        mails = re.search(r"^Mails +(http://\S+)$", told, re.MULTILINE)
        texts = re.search(r"^Texts +(http://\S+) ", told, re.MULTILINE)
        assert mails is not None
        assert texts is not None
        assert "0 mails taken" in requests.get(mails[1], timeout=10).text
        assert len(requests.get(texts[1], timeout=10).text.splitlines()) == 1000

        # Only its owner can read what it keeps, and no secret stands in the process list.
        assert open_to_others(var) == {}
        assert secrets_shown(var, run.process.pid) == set()

        # A second one keeps its hands off.
        assert f"port {free_port} of 127.0.0.1 is taken" in refusal(given)
        assert "another bin/run is using" in refusal({**given, "PORT": str(free_port + 1)})

        # When it is killed, nothing is left of it.
        whole_tree = descendants(run.process.pid)
        assert len(whole_tree) > 10
        run.process.kill()
        run.process.wait()
        wait_until(lambda: not any(map(is_running, whole_tree)), timeout_seconds=60)

    # When it is started again, all is as it was, and nobody gets a second text.
    with running_system(given, tmp_path / "second") as run:
        api = ApiClient(base_url=f"http://127.0.0.1:{free_port}", key=church.api_key)
        (message,) = api.get("/api/messages")["items"]
        assert api.get(message["links"]["self"])["counts"]["delivered"] == 1000
        assert "demo message" not in run.output.read_text()

        # Pictures on this machine can be tried out too: the sandbox carrier fetches none.
        body = {"churchId": church.church_id, "channel": "mms", "targetType": "all"}
        with serving({"/flyer.jpg": picture()}) as media:
            sent = api.post("/api/messages/send", {**body, "mediaUrls": [f"http://127.0.0.1:{media.port}/flyer.jpg"]})
        assert sent["channel"] == "mms"

        # Asked to stop, it does so in order.
        whole_tree = descendants(run.process.pid)
        run.process.send_signal(signal.SIGINT)
        assert run.process.wait(timeout=120) == 0
        assert not any(map(is_running, whole_tree))
    stops = re.findall(r"^stopping (\w+)$", (tmp_path / "second").read_text(), flags=re.MULTILINE)
    assert stops == ["api", "workers", "clock", "sandbox", "postgres", "valkey"]


def test_with_an_account_nothing_is_sent_by_itself(tmp_path: Path, free_port: int) -> None:
    var = tmp_path / "var"
    with socket.socket() as carrier:
        carrier.bind(("127.0.0.1", 0))
        carrier.listen()
        carrier.settimeout(3.0)
        account = {"TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "a-token"}
        base_url = f"http://127.0.0.1:{carrier.getsockname()[1]}"
        given = environment_of(var, free_port, **account, TWILIO_API_BASE_URL=base_url, ENABLE_QUEUES="false")
        with running_system(given, tmp_path / "output") as run:
            with pytest.raises(TimeoutError):
                carrier.accept()
            assert "demo" not in run.output.read_text().lower()
            assert {path.name for path in var.iterdir()}.isdisjoint({"demo.env", "valkey", "sandbox.port"})
            run.process.terminate()
            assert run.process.wait(timeout=60) == 0


def test_a_taken_port_is_said_before_anything_is_touched(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"port {port} of 127.0.0.1 is taken: set PORT" in refusal(environment_of(tmp_path / "var", port))
    assert not (tmp_path / "var").exists()


def test_a_database_that_is_away_is_named(tmp_path: Path, free_port: int) -> None:
    away = environment_of(tmp_path, free_port, DATABASE_URL="postgresql://x:y@127.0.0.1:9/x", ENABLE_QUEUES="false")
    command = (sys.executable, "-m", "tools.local.run")
    done = subprocess.run(command, cwd=ROOT, env=away, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert 'connection to server at "127.0.0.1", port 9 failed' in done.stderr


def test_a_redis_that_is_away_is_named(tmp_path: Path, free_port: int) -> None:
    away = environment_of(tmp_path, free_port, REDIS_URL="redis://:secret@127.0.0.1:9/0")
    told = refusal(away)
    assert "REDIS_URL redis://:***@127.0.0.1:9/0" in told
