"""Huey enqueues one task at a time."""

import carrier
import production
from tasks import queue, send


def enqueue_all(everyone: list[str]) -> None:
    for to in everyone:
        send(to, carrier.BODY)


production.run(enqueue_all, warm=queue.storage.conn.ping)
