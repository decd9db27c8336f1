"""Dramatiq enqueues one message at a time."""

import carrier
import production
from tasks import broker, send


def enqueue_all(everyone: list[str]) -> None:
    for to in everyone:
        send.send(to, carrier.BODY)


production.run(enqueue_all, warm=broker.client.ping)
