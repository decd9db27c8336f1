"""Huey enqueues one task at a time."""

import carrier
import production
from tasks import queue, send


def enqueue_all(all_recipients: list[str]) -> None:
    for to in all_recipients:
        send(to, carrier.BODY)


production.run(enqueue_all, warm=queue.storage.conn.ping)
