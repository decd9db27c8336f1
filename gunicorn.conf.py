"""The configuration of gunicorn. It reads its own variables: HOST, PORT, WEB_CONCURRENCY and HTTP_..."""

import os
import signal
from pathlib import Path

import logs
from api.server.limits import Limits
from api.server.worker import BufferingWorker
from jobs.start_up import StartRefused, check_before_start
from processes import child_process
from settings import SettingsError, load_settings

# On Render and Heroku, only the router in front can reach this process, and it does so from another machine.
_behind_router = "RENDER" in os.environ or "DYNO" in os.environ

_host = os.environ.get("HOST") or ("0.0.0.0" if _behind_router else "127.0.0.1")  # noqa: S104
_port = os.environ.get("PORT") or "8000"
bind = [f"{_host}:{_port}"]

workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
threads = 16
# Each worker process opens its own connections and threads, so the application must be created after the fork.
preload_app = False


def _positive(name: str, default: float) -> float:
    try:
        if (number := float(os.environ.get(name) or default)) > 0:
            return number
    except ValueError:
        pass
    raise SystemExit(f"{name}: must be a number above 0")


class Worker(BufferingWorker):
    """The worker class, with the limits for clients from the environment."""

    limits = Limits(
        header_seconds=_positive("HTTP_HEADER_SECONDS", 10),
        body_seconds=_positive("HTTP_BODY_SECONDS", 15),
        bytes_per_second=_positive("HTTP_BYTES_PER_SECOND", 20_000),
        connections=int(_positive("HTTP_CONNECTIONS", 2_000)),
        buffer_bytes=int(_positive("HTTP_BUFFER_BYTES", 64_000_000)),
    )


worker_class = Worker

# In seconds. A worker whose event loop is blocked for a minute is killed. One that is to stop has 30 seconds to finish
# its requests.
timeout = 60
graceful_timeout = 30
keepalive = 5

# The heartbeat file is kept in memory, so that a slow disk does not delay it.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108

# The proxies whose X-Forwarded-Proto is trusted.
forwarded_allow_ips = "*" if _behind_router else "127.0.0.1,::1"

# The application logs each request itself.
accesslog = None
errorlog = "-"
control_socket_disable = True


def on_starting(_server: object) -> None:
    """Refuse to start with one line, before a port is opened, what would lose messages (jobs/start_up.py)."""
    try:
        settings = load_settings()
        logs.configure(fmt=settings.log_format, level=settings.log_level)
        check_before_start(settings, needs_schema=False)
    except (SettingsError, StartRefused) as error:
        raise SystemExit(f"web: {'; '.join(str(error).splitlines())}") from None


def post_fork(_server: object, _worker: object) -> None:
    """End the worker when gunicorn's master is killed. Otherwise it would keep the port open without accepting
    requests."""
    child_process.die_with_parent(signal.SIGKILL)
