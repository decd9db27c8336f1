"""Dramatiq enqueues one message at a time."""

import carrier
import production
from tasks import broker, send


def enqueue_all(all_recipients: list[str]) -> None:
    for to in all_recipients:
        send.send(to, carrier.BODY)


production.run(enqueue_all, warm=broker.client.ping)
