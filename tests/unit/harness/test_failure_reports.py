"""A failing test reports what it waited for, and the output of the processes that it started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.waiting import wait_until
from tools.local.environment import ROOT

FAILING = """
import subprocess, sys
from tests.harness.process_output import report_output

def start(path, text):
    report_output("the greeter", path)
    with path.open("ab") as output:
        subprocess.run([sys.executable, "-c", f"print({text!r})"], stdout=output, check=True)

def test_that_passes(tmp_path_factory):
    start(tmp_path_factory.getbasetemp() / "greeter.log", "good morning")

def test_that_fails(tmp_path_factory):
    start(tmp_path_factory.getbasetemp() / "greeter.log", "good evening")
    assert False
"""


def test_the_report_of_a_failing_test_contains_the_output_of_its_processes(tmp_path: Path) -> None:
    conftest = tmp_path / "conftest.py"
    conftest.write_text("from tests.conftest import pytest_runtest_makereport, pytest_runtest_setup\n")
    (tmp_path / "test_failing.py").write_text(FAILING)
    plugins = ("-p", "xdist.plugin", "-p", "no:cacheprovider")  # the others take seconds to import
    command = (sys.executable, "-m", "pytest", *plugins, "-n", "1", "--rootdir", str(tmp_path), str(tmp_path))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=110
    )

    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "output of the greeter" in done.stdout
    assert "good evening" in done.stdout
    assert "good morning" not in done.stdout, "another test caused that output"


def test_a_timeout_shows_the_condition_and_its_variables() -> None:
    arrived = ["ann"]

    with pytest.raises(TimeoutError, match=r"waited 0 s for: len\(arrived\) == 2") as failure:
        wait_until(lambda: len(arrived) == 2, timeout_seconds=0)

    assert "arrived = ['ann']" in str(failure.value)
    assert "the last value was False" in str(failure.value)


def test_a_timeout_shows_the_condition_in_words() -> None:
    with pytest.raises(TimeoutError, match="waited 0 s for: everybody has arrived"):
        wait_until(lambda: None, timeout_seconds=0, condition="everybody has arrived")


def test_a_timeout_shows_the_condition_that_failed_when_a_function_gets_two() -> None:
    def both(first: object, second: object) -> None:
        assert callable(first)
        assert callable(second)
        wait_until(first, timeout_seconds=0)
        wait_until(second, timeout_seconds=0)

    with pytest.raises(TimeoutError, match="for: 2 < 1"):
        both(lambda: 1 < 2, lambda: 2 < 1)
