"""One text, as a Celery task on Redis."""

import os

from celery import Celery
from celery.signals import worker_ready
from with_threads import submit

app = Celery("tasks", broker=os.environ["REDIS_URL"])
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=4,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    task_serializer="json",
)


@app.task(name="send", rate_limit=f"{os.environ['PACE']}/s" if "PACE" in os.environ else None)
def send(to: str, body: str) -> None:
    submit(to, body)


@worker_ready.connect
def report_ready(**_: object) -> None:
    print("worker ready", flush=True)
