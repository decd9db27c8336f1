"""DATABASE_URL with sslmode=verify-full: for the pool of every process, and for migrations, which use another library.

A proxy that implements the beginning of PostgreSQL's protocol terminates TLS in front of the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest

from store.database import open_database, system_scope
from store.migrate import migrate
from store.timeouts import COMMAND
from tests.harness import certificates
from tests.harness.certificates import ServerCertificate
from tests.harness.tls_proxy import tls_proxy


@pytest.fixture
def files(tmp_path: Path) -> ServerCertificate:
    return certificates.issue(tmp_path / "tls", "127.0.0.1")


@pytest.fixture
def encrypted(empty_database: str, files: ServerCertificate, free_port: int) -> Iterator[str]:
    """The address of a database without a schema over TLS, without parameters."""
    port = urlsplit(empty_database).port
    assert port is not None
    with tls_proxy(port, port=free_port, context=files.server_context(), is_postgresql=True):
        yield empty_database.replace(f":{port}/", f":{free_port}/")


def verifying(url: str, authority: Path) -> str:
    return f"{url}?sslmode=verify-full&sslrootcert={quote(str(authority))}"


def test_migrations_and_the_pool_are_encrypted(encrypted: str, files: ServerCertificate) -> None:
    url = verifying(encrypted, files.authority)

    assert migrate(url) != []

    database = open_database(url, size=1, name="test", timeouts=COMMAND)
    try:
        with system_scope(database) as connection:
            assert connection.pgconn.ssl_in_use
            assert connection.prepare_threshold is not None  # the proxy does not count as a pooler
    finally:
        database.close()


def test_an_unencrypted_connection_is_refused(encrypted: str) -> None:
    """So the test above cannot pass without TLS."""
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"{encrypted}?sslmode=disable")


@pytest.mark.parametrize("who", ["another authority", "another name", "the system's authorities"])
def test_a_server_that_cannot_be_verified_is_refused(
    encrypted: str, files: ServerCertificate, who: str, tmp_path: Path
) -> None:
    url = {
        "another authority": verifying(encrypted, certificates.issue(tmp_path / "other", "127.0.0.1").authority),
        "another name": verifying(encrypted.replace("127.0.0.1", "localhost"), files.authority),
        "the system's authorities": f"{encrypted}?sslmode=verify-full&sslrootcert=system",
    }[who]

    with pytest.raises(psycopg.OperationalError, match="certificate"):
        migrate(url)
    database = open_database(url, size=1, name="test", timeouts=COMMAND)
    try:
        with pytest.raises(psycopg.OperationalError), system_scope(database):
            pass
    finally:
        database.close()
