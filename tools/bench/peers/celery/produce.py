"""Celery has no way to enqueue many at once: one kept producer saves what can be saved."""

import carrier
import production
from tasks import app, send


def enqueue_all(everyone: list[str]) -> None:
    with app.producer_pool.acquire(block=True) as producer:
        for to in everyone:
            send.apply_async((to, carrier.BODY), producer=producer, retry=False)


def connect() -> None:
    with app.producer_pool.acquire(block=True) as producer:
        producer.connection.ensure_connection()


production.run(enqueue_all, warm=connect)
