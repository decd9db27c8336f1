"""REDIS_URL with rediss:// and a certificate authority of one's own. A TLS proxy stands in front of Valkey."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from jobs.job_queue.redis_connection import open_redis
from jobs.job_queue.redis_job_queue import RedisJobQueue
from jobs.worker.run_worker import run_worker
from messaging.states import Status
from settings import Settings
from store.database import Database
from tests.harness import certificates
from tests.harness.certificates import ServerCertificate
from tests.harness.churches import create_church
from tests.harness.tls_proxy import tls_proxy
from tests.integration.jobs.conftest import compose, counts


@pytest.fixture
def files(tmp_path: Path) -> ServerCertificate:
    return certificates.issue(tmp_path / "tls", "127.0.0.1")


@pytest.fixture
def encrypted(redis_url: str, files: ServerCertificate, free_port: int) -> Iterator[str]:
    """The address of the same Redis over TLS, without options."""
    address = urlsplit(redis_url)
    assert address.port is not None
    with tls_proxy(address.port, port=free_port, context=files.server_context()):
        netloc = address.netloc.replace(f":{address.port}", f":{free_port}")
        yield urlunsplit(address._replace(scheme="rediss", netloc=netloc))


def test_jobs_are_enqueued_and_run(
    settings: Settings, database: Database, encrypted: str, files: ServerCertificate
) -> None:
    own = settings.model_copy(update={"redis_url": f"{encrypted}?ssl_ca_certs={files.authority}"})
    church_id = create_church(database).church_id
    message = compose(database, church_id, numbers=["+12025550123"])

    assert RedisJobQueue(own).enqueue_expansion(channel="sms")
    run_worker(own, "sms", burst=True)

    assert counts(database, church_id, message) == {Status.SENT: 1}


@pytest.mark.parametrize("who", ["another authority", "another name", "the system's authorities"])
def test_a_server_that_cannot_be_verified_is_refused(
    settings: Settings, encrypted: str, files: ServerCertificate, who: str, tmp_path: Path
) -> None:
    other = certificates.issue(tmp_path / "other", "127.0.0.1").authority
    url = {
        "another authority": f"{encrypted}?ssl_ca_certs={other}",
        "another name": f"{encrypted.replace('127.0.0.1', 'localhost')}?ssl_ca_certs={files.authority}",
        "the system's authorities": encrypted,
    }[who]

    with pytest.raises(RedisConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
        open_redis(settings.model_copy(update={"redis_url": url})).ping()
