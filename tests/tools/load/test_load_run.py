"""bin/load against what bin/run started."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.whole_system import environment_of, running_system
from tools.load.message_requests import CONTENT
from tools.local.environment import ROOT
from tools.sandbox.control import Sandbox

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the processes are tied together with prctl"),
    pytest.mark.timeout(300),
    pytest.mark.extended,
]


def test_a_short_load_is_sent_and_measured(tmp_path: Path, free_port: int) -> None:
    variables = environment_of(tmp_path / "var", free_port)
    with running_system(variables, tmp_path / "output") as run:
        command = (sys.executable, "-m", "tools.load", "--seconds", "5", "--json")
        done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
        found = re.search(r"sandbox carrier listening on (\S+)", run.output.read_text())
        assert found is not None
        texts = [row for row in Sandbox(found[1]).rows() if row.body.startswith(CONTENT)]

    # Whether the limits are kept depends on the machine; that everything was accepted and sent does not.
    assert done.returncode in (0, 1), done
    report = json.loads(done.stdout)
    values = {figure["name"]: figure["value"] for figure in report["figures"]}
    assert report["kept"] == (done.returncode == 0)
    assert (values["errors"], values["texts submitted"], len(texts)) == (0, 50, 50)
    assert values["Redis memory"] > 0
    assert "a sandbox carrier: no message leaves this machine" in done.stderr
