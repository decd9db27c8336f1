"""The API and a worker behind a connection pooler in transaction mode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from api.app import create_app
from api.services import services
from jobs.worker.run_worker import run_worker
from settings import Settings
from store.database import Database
from tests.harness.churches import create_church
from tests.harness.transaction_pooler import transaction_pooler
from tests.integration.jobs.conftest import wait_until_enqueued
from tests.integration.store.ledger import numbers
from tools.sandbox.control import Sandbox

MESSAGES = 40


@pytest.fixture
def pooled_settings(settings: Settings, free_port: int) -> Iterator[Settings]:
    with transaction_pooler(settings.database_url, port=free_port) as pooler:
        yield settings.model_copy(update={"database_url": pooler.url})


def test_messages_are_accepted_and_sent(pooled_settings: Settings, database: Database, sandbox: Sandbox) -> None:
    church = create_church(database)
    app = create_app(pooled_settings)
    try:
        statuses: Counter[int] = Counter()
        for number in numbers(MESSAGES):
            body = {"churchId": str(church.church_id), "content": "Hello", "targetType": "numbers"}
            response = app.test_client().post(
                "/api/messages/send", json={**body, "phoneNumbers": [number]}, headers=church.bearer
            )
            statuses[response.status_code] += 1
        wait_until_enqueued(app)
        run_worker(pooled_settings, "sms", burst=True)
    finally:
        services(app).close()

    assert statuses == {202: MESSAGES}
    assert Counter(row.to for row in sandbox.ledger()) == dict.fromkeys(numbers(MESSAGES), 1)
