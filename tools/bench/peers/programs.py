"""The programs of a peer, with the environment that all peers get."""

from __future__ import annotations

from collections.abc import Mapping

from processes.child_process import Program
from tools.bench.machine import Machine, bare_environment
from tools.bench.peers.environments import Installed
from tools.sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN

_CALLBACK_URL = "http://127.0.0.1:9/callbacks/sms/0197a3f2-77d0-7a51-8a1c-3b9f2f0f6a42/1"
"""As long as the product's own callback URLs. Callbacks are held back, so it is never requested."""


def peer_program(
    machine: Machine, installed: Installed, name: str, *arguments: str, settings: Mapping[str, str] | None = None
) -> Program:
    """Return a program of the peer in its own environment, with its log in the run's folder."""
    return Program(
        name=name,
        command=(str(installed.interpreter), *arguments),
        environment={
            **bare_environment(machine.folder),
            "PYTHONPATH": installed.import_path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "REDIS_URL": machine.valkey.url(),
            "CARRIER_URL": f"{machine.sandbox.base_url}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json",
            "CARRIER_USER": ACCOUNT_SID,
            "CARRIER_PASSWORD": AUTH_TOKEN,
            "STATUS_CALLBACK": _CALLBACK_URL,
            "CONCURRENCY": str(installed.peer.concurrency),
            **(settings or {}),
        },
        folder=installed.folder,
        output=machine.folder / f"{name}.log",
        drain_seconds=3.0,
    )
