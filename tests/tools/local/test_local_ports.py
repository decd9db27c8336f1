"""Ports that are chosen for servers are not chosen by another process at the same time."""

from __future__ import annotations

import subprocess
import sys

from tools.local import ports
from tools.local.environment import ROOT

RESERVE = """
import sys
from tools.local import ports
port = int(sys.argv[1])
print(ports.is_free("127.0.0.1", port), ports._reserve(port))
"""


def test_a_chosen_port_is_reserved_before_a_server_listens_on_it() -> None:
    port = ports.choose_port()

    command = (sys.executable, "-c", RESERVE, str(port))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "True False\n"


def test_ports_are_chosen_once() -> None:
    chosen = [ports.choose_port() for _ in range(50)]

    assert len(set(chosen)) == 50
