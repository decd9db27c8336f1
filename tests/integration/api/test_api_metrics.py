"""GET /metrics: who may read it, what it shows, and that it answers while a server is away or stands still."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from werkzeug.test import TestResponse

from api.app import create_app
from api.services import services
from messaging.states import Status
from metrics.definitions import METRICS
from settings import Settings
from store.database import Database
from tests.harness.churches import KnownChurch
from tests.harness.database_proxy import DatabaseProxy, database_proxy
from tests.harness.private_redis import PrivateRedis
from tests.integration.store.ledger import Ledger, numbers, sent

TOKEN = "a-token-of-the-monitoring"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
Series = dict[tuple[str, ...], float]


@pytest.fixture(scope="module")
def monitored(settings: Settings) -> Iterator[Flask]:
    app = create_app(with_token(settings))
    yield app
    services(app).close()


@pytest.fixture
def client(monitored: Flask) -> FlaskClient:
    services(monitored).measurements.take()  # of the tests before
    return monitored.test_client()


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def with_token(settings: Settings, **changes: object) -> Settings:
    return Settings.model_validate({**settings.model_dump(), "metrics_token": TOKEN, **changes})


def series(response: TestResponse) -> Series:
    """The values by the sample's name and its label values, in the order of the label names."""
    assert response.status_code == 200, response.text
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def scrape(app: Flask) -> Series:
    """What Prometheus collects, after the process has written what it measured."""
    services(app).measurement_writer.write()
    return series(app.test_client().get("/metrics", headers=BEARER))


# --- who may read it --------------------------------------------------------------------------------------------------


def test_without_the_setting_the_route_does_not_exist(app: Flask) -> None:
    for headers in ({}, BEARER, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
        assert app.test_client().get("/metrics", headers=headers).status_code == 404


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
        "Bearer \udcff",
        "Bearer None",
    ],
)
def test_every_other_token_is_refused(client: FlaskClient, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}

    response = client.get("/metrics", headers=headers)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert "koinonia" not in response.text


def test_the_key_of_a_church_is_refused(client: FlaskClient, church: KnownChurch) -> None:
    assert client.get("/metrics", headers=church.bearer).status_code == 401


def test_the_token_opens_nothing_else(client: FlaskClient) -> None:
    assert client.get("/api/messages", headers=BEARER).status_code == 401


def test_other_methods_are_refused(client: FlaskClient) -> None:
    assert client.post("/metrics", headers=BEARER).status_code == 405


# --- what it shows ----------------------------------------------------------------------------------------------------


def test_it_counts_messages_deliveries_and_requests(
    monitored: Flask, client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    body = {
        "churchId": str(church.church_id),
        "content": "Service at ten",
        "targetType": "numbers",
        "phoneNumbers": numbers(3),
    }
    response = client.post("/api/messages/send", headers=church.bearer, json=body)
    assert response.status_code == 202, response.text
    other = ledger.church()
    ledger.send(other, numbers(3))
    claim = ledger.claim(other)
    ledger.record(sent(claim)[:2])

    found = scrape(monitored)

    assert found["koinonia_messages_accepted_total", "sms", "api"] == 2
    assert found["koinonia_delivery_changes_total", "sms", "none", "", "queued"] == 3
    assert found["koinonia_delivery_changes_total", "sms", "queued", "", "sending"] == 3
    assert found["koinonia_delivery_changes_total", "sms", "sending", "", "sent"] == 2
    assert statuses(found) == {"sent": 2, "sending": 1}
    # Apps of earlier tests in this process may write what they measured only now.
    requests = found["koinonia_request_seconds_count", "POST", "/api/messages/send", "2xx"]
    assert found["koinonia_request_seconds_bucket", "+Inf", "POST", "/api/messages/send", "2xx"] == requests >= 1
    assert found["koinonia_up", "postgresql"] == 1
    assert found["koinonia_up", "redis"] == 1
    assert found["koinonia_redis_memory_bytes",] > 0


def statuses(found: Series) -> dict[str, float]:
    """How many deliveries each status has, without zeros."""
    return {labels[1]: value for (name, *labels), value in found.items() if name == "koinonia_deliveries" and value}


def test_the_numbers_of_deliveries_are_those_of_the_table(monitored: Flask, ledger: Ledger) -> None:
    church_id = ledger.church()
    for count in (5, 7):
        ledger.send(church_id, numbers(count))
    ledger.opt_out(church_id, numbers(1)[0])
    claim = ledger.claim(church_id, limit=9)
    ledger.record(sent(claim)[:6])
    for envelope in claim.envelopes[:4]:
        ledger.receive(envelope.delivery_id, Status.DELIVERED, carrier_id=f"SM{envelope.delivery_id.hex}")
    ledger.apply()
    ledger.query("DELETE FROM deliveries WHERE delivery_id = %(id)s", id=claim.envelopes[0].delivery_id)

    assert statuses(scrape(monitored)) == dict(
        ledger.query("SELECT status::text, count(*)::float FROM deliveries GROUP BY status")
    )


def test_every_process_shows_the_counts_of_all(
    monitored: Flask, settings: Settings, church: KnownChurch, ledger: Ledger
) -> None:
    other = create_app(with_token(settings))
    for app in (monitored, other, other):
        assert app.test_client().get("/api/contacts", headers=church.bearer).status_code == 200
    services(other).close()  # the process ends

    assert scrape(monitored)["koinonia_request_seconds_count", "GET", "/api/contacts", "2xx"] == 3


def test_paths_and_methods_that_clients_invent_make_no_series(monitored: Flask, client: FlaskClient) -> None:
    client.get("/koinonia_secret_path")
    client.open("/koinonia_other_path", method="BREW")
    client.get(f"/api/messages/{UUID(int=5)}")

    labels = [labels for (name, *labels) in scrape(monitored) if name == "koinonia_request_seconds_count"]

    assert ["other", "none", "4xx"] in labels
    assert ["GET", "/api/messages/{message_id}", "4xx"] in labels
    assert not re.search("path|BREW|0000", str(labels))


def test_everything_shown_is_defined(monitored: Flask, ledger: Ledger, client: FlaskClient) -> None:
    church_id = ledger.church()
    ledger.send(church_id, numbers(1))
    services(monitored).measurement_writer.write()
    by_name = {metric.name.removesuffix("_total"): metric for metric in METRICS}

    families = list(text_string_to_metric_families(client.get("/metrics", headers=BEARER).text))

    assert len(families) > 20
    for family in families:
        metric = by_name[family.name]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == set(metric.labels), sample


def test_buckets_of_another_release_are_shown_with_the_others(monitored: Flask, ledger: Ledger) -> None:
    """A release that changes the bounds of a histogram neither loses nor misplaces what was observed before."""
    ledger.query(
        "INSERT INTO metric_totals (name, labels, value) VALUES "
        '(\'koinonia_carrier_seconds_bucket\', \'{"channel": "sms", "le": "0.07"}\', 3), '
        '(\'koinonia_carrier_seconds_bucket\', \'{"channel": "sms", "le": "0.1"}\', 2), '
        "('koinonia_carrier_seconds_sum', '{\"channel\": \"sms\"}', 0.4), "
        "('koinonia_unknown_total', '{\"channel\": \"sms\"}', 1)"
    )

    found = scrape(monitored)

    bounds = ("0.05", "0.07", "0.1", "+Inf")
    buckets = {bound: found["koinonia_carrier_seconds_bucket", "sms", bound] for bound in bounds}
    assert buckets == {"0.05": 0, "0.07": 3, "0.1": 5, "+Inf": 5}
    assert ("koinonia_unknown_total", "sms") not in found


# --- the queues -------------------------------------------------------------------------------------------------------


def test_jobs_and_failed_jobs_of_each_queue(monitored: Flask, redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.rpush("rq:queue:sms", "one", "two")
        redis.hset("rq:job:one", "enqueued_at", "2026-01-01T00:00:00.000000Z")
        redis.zadd("rq:failed:mail", {"three": 1e12})
        redis.sadd("rq:workers:mms", "rq:worker:alive", "rq:worker:gone")
        redis.hset("rq:worker:alive", "state", "idle")

    found = scrape(monitored)

    assert found["koinonia_queue_jobs", "sms"] == 2
    assert found["koinonia_queue_oldest_job_seconds", "sms"] > 1000
    assert found["koinonia_queue_oldest_job_seconds", "mail"] == 0
    assert found["koinonia_queue_failed_jobs", "mail"] == 1
    assert found["koinonia_queue_workers", "mms"] == 1
    assert found["koinonia_queue_workers", "sms"] == 0


@pytest.mark.parametrize("enqueued_at", ["", "yesterday", "\x00\xff", "2026-13-45T00:00:00Z"])
def test_hostile_contents_of_redis_only_lose_their_own_series(
    monitored: Flask, redis_url: str, enqueued_at: str
) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.set("rq:queue:sms", "not a list")
        redis.set("rq:workers:sms", "not a set")
        redis.set("rq:failed:sms", "not a sorted set")
        redis.set("rq:scheduler:scheduled_jobs", "not a sorted set")
        redis.rpush("rq:queue:mms", b"\xff\x00")
        redis.rpush("rq:queue:mail", "job")
        redis.hset("rq:job:job", "enqueued_at", enqueued_at)

    found = scrape(monitored)

    assert found["koinonia_up", "redis"] == 1
    assert [key for key in found if key[0].startswith("koinonia_queue") and key[1] == "sms"] == []
    assert found["koinonia_queue_jobs", "mms"] == 1
    assert ("koinonia_queue_oldest_job_seconds", "mail") not in found


def test_without_queues_nothing_is_shown_of_redis(settings: Settings) -> None:
    app = create_app(with_token(settings, enable_queues=False, redis_url=None))

    found = scrape(app)
    services(app).close()

    assert found["koinonia_up", "postgresql"] == 1
    assert [key for key in found if "redis" in key or key[0].startswith(("koinonia_redis", "koinonia_queue"))] == []


# --- servers that are away --------------------------------------------------------------------------------------------


@pytest.fixture
def private_redis(tmp_path: Path, free_port: int) -> Iterator[PrivateRedis]:
    redis = PrivateRedis(tmp_path, free_port)
    redis.start()
    yield redis
    redis.close()


def test_it_answers_while_redis_stands_still_or_is_away(settings: Settings, private_redis: PrivateRedis) -> None:
    app = create_app(with_token(settings, redis_url=private_redis.url))
    assert scrape(app)["koinonia_up", "redis"] == 1

    with private_redis.suspended():
        suspended = scrape(app)
    private_redis.kill()
    away = scrape(app)
    private_redis.start()
    back = scrape(app)
    services(app).close()

    for found in (suspended, away):
        assert found["koinonia_up", "redis"] == 0
        assert found["koinonia_up", "postgresql"] == 1
        assert [key for key in found if key[0].startswith(("koinonia_queue", "koinonia_redis"))] == []
    assert back["koinonia_up", "redis"] == 1


@pytest.fixture
def proxy(database_url: str, free_port: int) -> Iterator[DatabaseProxy]:
    with database_proxy(database_url, free_port) as proxy:
        yield proxy


def test_it_answers_while_postgresql_stands_still(settings: Settings, proxy: DatabaseProxy) -> None:
    app = create_app(with_token(settings, database_url=proxy.url))
    database = services(app).database
    database.timeouts = replace(database.timeouts, probe_after=0.2)
    assert scrape(app)["koinonia_up", "postgresql"] == 1

    proxy.is_silent = True
    found = series(app.test_client().get("/metrics", headers=BEARER))
    proxy.is_silent = False
    services(app).close()

    assert found["koinonia_up", "postgresql"] == 0
    assert found["koinonia_up", "redis"] == 1
    assert found["koinonia_queue_jobs", "sms"] == 0
    assert [key for key in found if key[0].startswith(("koinonia_deliver", "koinonia_database"))] == []


def test_a_part_that_postgresql_cannot_answer_in_time_loses_only_that_part(
    monitored: Flask, ledger: Ledger, superuser_database_url: str
) -> None:
    """Another session holds a lock on senders, as a migration may."""
    with psycopg.connect(superuser_database_url) as superuser:
        superuser.execute("LOCK TABLE senders IN ACCESS EXCLUSIVE MODE")
        found = series(monitored.test_client().get("/metrics", headers=BEARER))

    assert found["koinonia_up", "postgresql"] == 1
    assert ("koinonia_deliveries", "sms", "queued") in found
    assert ("koinonia_senders_paused", "sms") not in found
    assert found["koinonia_database_bytes",] > 0
