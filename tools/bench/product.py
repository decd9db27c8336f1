"""Runs the product as it is deployed: API, workers and clock, configured by environment variables."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from redis import Redis
from rq import Queue, Worker

from tools.bench.churches import Church
from tools.bench.machine import Machine, NotReady, bare_environment
from tools.local import ports
from tools.local.api_client import ApiClient
from tools.local.environment import ROOT
from tools.sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN

API, SMS, ANALYTICS, CLOCK = "api", "sms workers", "analytics worker", "clock"

_NO_RECEIPT_FETCHING = {"RECEIPT_AFTER_SECONDS": "86400"}
"""Callbacks are held back while sends are measured, so the product must not fetch the missing receipts."""


@dataclass(frozen=True, kw_only=True)
class Product:
    """The running processes of the product."""

    machine: Machine
    port: int
    """The port of the API."""
    parts: tuple[str, ...]

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def pids(self) -> dict[str, tuple[int, ...]]:
        """Return the process ids of each part that was started."""
        return {name: (self.machine.programs.pid(name),) for name in self.parts}

    def send(self, church: Church, *, content: str, key: str | None = None) -> str:
        """Send a message to all members of the church, and return its id."""
        api = ApiClient(base_url=self.api_url, key=church.key)
        headers = {} if key is None else {"Idempotency_Key": key}
        body = {"churchId": church.church_id, "content": content, "targetType": "all"}
        return api.post("/api/messages/send", body, **headers)["id"]


@contextmanager
def running_product(
    machine: Machine,
    *,
    sms_processes: int = 2,
    settings: Mapping[str, str] | None = None,
    ticks: bool = True,
) -> Generator[Product]:
    """Run the whole product with an empty Redis until the end of the block.

    Without `sms_processes` nothing is sent; without `ticks` neither the clock nor the analytics worker is started.
    Raises NotReady.
    """
    with machine.open_redis() as redis:
        redis.flushall()
    port = ports.choose_port()
    environment = product_environment(machine, port=port, settings=settings or {})
    programs = machine.programs
    parts = [API, *([SMS] if sms_processes else []), *([ANALYTICS, CLOCK] if ticks else [])]
    commands = {
        API: ("-m", "gunicorn", "--config", "gunicorn.conf.py", "wsgi:app"),
        SMS: ("worker.py", "sms", "--processes", str(sms_processes), "--drain-seconds", "5"),
        ANALYTICS: ("worker.py", "analytics", "--drain-seconds", "5"),
        CLOCK: ("-m", "jobs.clock"),
    }
    product = Product(machine=machine, port=port, parts=tuple(parts))
    try:
        for name in parts:
            programs.start(machine.python(name, *commands[name], environment=environment))
        api = ApiClient(base_url=product.api_url, timeout_seconds=5.0)
        machine.wait_until(api.is_ready, what="the API is ready")
        with machine.open_redis() as redis:
            wanted = {"sms": sms_processes, "analytics": int(ticks)}
            machine.wait_until(lambda: _workers(redis, wanted) == wanted, what="the workers are ready")
        yield product
    finally:
        programs.stop(*reversed(parts))


def migrate(machine: Machine) -> None:
    """Migrate the database to the newest schema. Raises NotReady."""
    command = (sys.executable, "-m", "store.migrate")
    environment = product_environment(machine, port=1, settings={})
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        raise NotReady(f"store.migrate failed: {done.stderr.strip()[-2000:]}")


def product_environment(machine: Machine, *, port: int, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the product's processes; `settings` override the rest."""
    return {
        **bare_environment(machine.folder),
        **_NO_RECEIPT_FETCHING,
        "DATABASE_URL": machine.database_url,
        "REDIS_URL": machine.valkey.url(),
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_API_BASE_URL": machine.sandbox.base_url,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "WEB_CONCURRENCY": "2",
        **settings,
    }


def _workers(redis: Redis, wanted: Mapping[str, int]) -> dict[str, int]:
    return {name: Worker.count(queue=Queue(name, connection=redis)) for name in wanted}
