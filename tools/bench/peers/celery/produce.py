"""Celery cannot enqueue many tasks at once. Reusing one producer is the fastest way."""

import carrier
import production
from tasks import app, send


def enqueue_all(all_recipients: list[str]) -> None:
    with app.producer_pool.acquire(block=True) as producer:
        for to in all_recipients:
            send.apply_async((to, carrier.BODY), producer=producer, retry=False)


def connect() -> None:
    with app.producer_pool.acquire(block=True) as producer:
        producer.connection.ensure_connection()


production.run(enqueue_all, warm=connect)
