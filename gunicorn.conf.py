"""How gunicorn serves the API. Its variables (HOST, PORT, WEB_CONCURRENCY) are not the application's settings."""

import os
import signal
from pathlib import Path

from jobs import tethered

# On Render and Heroku a router in front of us is the only one that can reach us, and it does so from outside.
_behind_router = "RENDER" in os.environ or "DYNO" in os.environ

_host = os.environ.get("HOST") or ("0.0.0.0" if _behind_router else "127.0.0.1")  # noqa: S104
_port = os.environ.get("PORT") or "8000"
bind = [f"{_host}:{_port}"]

workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
worker_class = "gthread"
threads = 16
# Each worker opens connections and threads of its own: nothing of the application may exist before the fork.
preload_app = False

# Seconds. A request that takes a minute, or a worker that stops for one, ends.
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
    tethered.die_with_parent(signal.SIGKILL)
