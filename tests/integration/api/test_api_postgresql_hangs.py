"""Requests while PostgreSQL hangs: it accepts connections and does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from api.app import create_app
from api.services import services
from settings import Settings
from tests.harness.churches import KnownChurch, create_church
from tests.harness.private_postgres import PrivatePostgres, private_postgres
from tests.harness.waiting import wait_until
from tests.integration.api.test_api_callbacks import a_form, address_of, signed

ANSWERED_WITHIN_SECONDS = 20.0
"""5 on an idle machine. Less than the statement timeout, which would end the wait too."""
AT_ONCE = 30
"""Concurrent requests: many more than the pool has connections."""


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivatePostgres]:
    with private_postgres(tmp_path_factory.mktemp("own")) as postgres:
        yield postgres


@pytest.fixture(params=["TCP", "Unix socket"])
def own_app(settings: Settings, postgres: PrivatePostgres, request: pytest.FixtureRequest) -> Iterator[Flask]:
    url = postgres.url if request.param == "TCP" else postgres.socket_url()
    app = create_app(settings.model_copy(update={"database_url": url, "database_pool_size": 4}))
    yield app
    services(app).close()


@pytest.fixture
def own_church(own_app: Flask) -> KnownChurch:
    return create_church(services(own_app).database)


def ask(app: Flask, church: KnownChurch, number: int) -> TestResponse:
    """Sends one of four kinds of requests that need PostgreSQL."""
    client = app.test_client()
    match number % 4:
        case 0:
            body = {"churchId": str(church.church_id), "content": "Grace", "targetType": "all"}
            return client.post(
                "/api/messages/send", json=body, headers=church.bearer | {"Idempotency-Key": str(number)}
            )
        case 1:
            return client.get("/api/contacts", headers=church.bearer)
        case 2:
            return client.get("/health/ready")
        case _:
            address, form = address_of(uuid4()), a_form()
            return client.post(address, data=form, headers=signed(address, form))


@pytest.mark.extended
def test_every_request_answers_503_while_postgresql_hangs_and_is_served_afterwards(
    own_app: Flask, own_church: KnownChurch, postgres: PrivatePostgres
) -> None:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        first = [threads.submit(ask, own_app, own_church, number) for number in range(8)]
        assert {each.result().status_code for each in first} <= {200, 202, 204}
        with postgres.suspended():
            numbers = sorted(
                range(AT_ONCE), key=lambda number: number % 4 != 2
            )  # requests that open a transaction first
            asked = [threads.submit(ask, own_app, own_church, number) for number in numbers]
            done, _ = wait_for(asked, timeout=ANSWERED_WITHIN_SECONDS)
            answered = len(done)
        statuses = {each.result().status_code for each in asked}

    assert answered == AT_ONCE
    assert statuses == {503}
    wait_until(lambda: ask(own_app, own_church, 1).status_code == 200, timeout_seconds=60)
    wait_until(lambda: ask(own_app, own_church, 0).status_code == 202, timeout_seconds=60)
