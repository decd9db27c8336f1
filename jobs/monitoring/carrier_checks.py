"""Whether each carrier answers. The checks run beside the watcher's other work: one may take seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future

from channels.elapsed_time import elapsed_seconds
from channels.operator_messages import ReachabilityCheck
from jobs.monitoring.alert_kinds import CARRIER_UNREACHABLE
from jobs.monitoring.bounded_calls import BoundedCalls
from jobs.monitoring.findings import Check, Finding, check

SECONDS = 5.0
"""How long a carrier may take to connect, and to answer."""
_STUCK_SECONDS = 15.0
"""A check that has not ended after this found the carrier unreachable too, such as by a name that is not resolved."""


class CarrierChecks:
    """Starts a check of each carrier whenever the former one has ended."""

    def __init__(self, checks: Mapping[str, ReachabilityCheck]) -> None:
        self._checks = checks
        self._calls = BoundedCalls()
        self._running: dict[str, tuple[Future[str | None], float]] = {}
        self._reasons: dict[str, str | None] = {}
        """What the last check of each carrier found."""

    def judge(self, silent_channels: Sequence[str]) -> Check:
        """Return what the last checks found, and start the next ones.

        `silent_channels` are those of which all submissions lately got no reply, although the carrier may answer.
        """
        self._collect()
        self._start()
        findings = [
            Finding(subject=name, summary=f"the carrier of {name} gives {reason}", facts={"carrier": name})
            for name, reason in self._reasons.items()
            if reason is not None
        ]
        for channel in silent_channels:
            name = next((name for name in self._checks if channel in name.split(" and ")), channel)
            if self._reasons.get(name) is None:
                findings.append(
                    Finding(
                        subject=name,
                        summary=f"no submission on {channel} got a reply within a minute",
                        facts={"carrier": name, "channel": channel},
                    )
                )
        checked = check(CARRIER_UNREACHABLE, *findings)
        return (
            checked
            if len(self._reasons) == len(self._checks)
            else Check(kind=checked.kind, findings=checked.findings, is_complete=False)
        )

    def _collect(self) -> None:
        for name, (future, began) in list(self._running.items()):
            if future.done():
                error = future.exception()
                self._reasons[name] = future.result() if error is None else f"no answer ({type(error).__name__})"
                del self._running[name]
            elif elapsed_seconds() - began > _STUCK_SECONDS:
                self._reasons[name] = "no answer (the check does not end)"

    def _start(self) -> None:
        for name, function in self._checks.items():
            if name not in self._running:
                self._running[name] = (self._calls.start(name, function), elapsed_seconds())
