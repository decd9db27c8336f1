"""How gunicorn serves the API. Its variables (HOST, PORT, WEB_CONCURRENCY, HTTP_...) are not the application's."""

import os
import signal
from pathlib import Path

from api.server.limits import Limits
from api.server.worker import BufferingWorker
from processes import child_process

# On Render and Heroku a router in front of us is the only one that can reach us, and it does so from outside.
_behind_router = "RENDER" in os.environ or "DYNO" in os.environ

_host = os.environ.get("HOST") or ("0.0.0.0" if _behind_router else "127.0.0.1")  # noqa: S104
_port = os.environ.get("PORT") or "8000"
bind = [f"{_host}:{_port}"]

workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
threads = 16
# Each worker opens connections and threads of its own: nothing of the application may exist before the fork.
preload_app = False


def _positive(name: str, default: float) -> float:
    try:
        if (number := float(os.environ.get(name) or default)) > 0:
            return number
    except ValueError:
        pass
    raise SystemExit(f"{name}: must be a number above 0")


class Worker(BufferingWorker):
    """Each process: what it takes from clients, and how long it waits for them."""

    limits = Limits(
        header_seconds=_positive("HTTP_HEADER_SECONDS", 10),
        body_seconds=_positive("HTTP_BODY_SECONDS", 15),
        bytes_per_second=_positive("HTTP_BYTES_PER_SECOND", 20_000),
        connections=int(_positive("HTTP_CONNECTIONS", 2_000)),
        buffer_bytes=int(_positive("HTTP_BUFFER_BYTES", 64_000_000)),
    )


worker_class = Worker

# Seconds. A worker whose event loop stands still for a minute is killed; one told to stop finishes what it has begun.
timeout = 60
graceful_timeout = 30
keepalive = 5

# The heartbeat file must not wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108

# Whose X-Forwarded-Proto is believed.
forwarded_allow_ips = "*" if _behind_router else "127.0.0.1,::1"

# The application logs each request itself.
accesslog = None
errorlog = "-"
control_socket_disable = True


def post_fork(_server: object, _worker: object) -> None:
    """A worker whose master was killed would hold the port, and answer nobody on it, until its last caller goes."""
    child_process.die_with_parent(signal.SIGKILL)
