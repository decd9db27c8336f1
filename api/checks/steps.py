"""A suite is a list of steps (channels/check_steps.py) of one command. Runs and times them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from channels.check_steps import CheckFailed, CheckSkipped, CheckWarning, Step
from logs import mask_addresses


class Status(StrEnum):
    PASSED = "passed"
    WARNING = "warning"
    """Not as it should be, or not known. It does not count as a failure."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """There was nothing to check."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """The steps of one command, in order."""

    name: str
    target: str
    """What is checked, such as the masked URL of the server."""
    steps: Sequence[Step]
    is_lost: Callable[[Exception], bool] = lambda _error: False
    """Whether an exception means that the server is gone, so that each further step would only wait for it."""
    left_out: str | None = None
    """What an option left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepResult:
    number: int
    total: int
    name: str
    status: Status
    finding: str
    remedy: str | None
    """What to do; None when the step passed."""
    seconds: float
    ends_suite: bool
    """Whether the steps after it are not run."""


def run(suite: Suite) -> Iterator[StepResult]:
    """Run the steps and yield each result as it comes in. Ends early after a result with `ends_suite`."""
    for number, step in enumerate(suite.steps, start=1):
        result = _run_step(step, number, suite)
        yield result
        if result.ends_suite:
            return


def _run_step(step: Step, number: int, suite: Suite) -> StepResult:
    began = time.perf_counter()
    status, remedy, lost = Status.PASSED, None, False
    try:
        finding = step.check()
    except CheckSkipped as skipped:
        status, finding = Status.SKIPPED, str(skipped)
    except CheckWarning as warning:
        status, finding, remedy = Status.WARNING, str(warning), warning.remedy or step.remedy
    except CheckFailed as failed:
        status, finding, remedy, lost = Status.FAILED, str(failed), failed.remedy or step.remedy, failed.lost
    except Exception as error:  # noqa: BLE001 - a check reports whatever happens
        finding = mask_addresses(describe(error))
        status, remedy, lost = Status.FAILED, step.remedy, suite.is_lost(error)
    return StepResult(
        number=number,
        total=len(suite.steps),
        name=step.name,
        status=status,
        finding=finding,
        remedy=remedy,
        seconds=time.perf_counter() - began,
        ends_suite=number < len(suite.steps) and status is Status.FAILED and (lost or step.is_required),
    )


def describe(error: Exception) -> str:
    """Return the kind of error and the first line of its message."""
    message = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
