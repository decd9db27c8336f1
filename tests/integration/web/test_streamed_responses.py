"""Files are uploaded to and downloaded from the deployed API: bodies may be large, and responses are streamed."""

from __future__ import annotations

import csv
import http.client
import io
import json
import socket
import zipfile
from collections.abc import Generator

import pytest

from settings import Settings
from store.database import Database, church_scope
from tests.harness.churches import KnownChurch, add_contacts
from tests.harness.slow_clients import read_to_the_end
from tests.harness.waiting import wait_until
from tests.harness.web_server import WebServer, running_web


@pytest.fixture(scope="module")
def web(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Generator[WebServer]:
    with running_web(settings, tmp_path_factory.mktemp("streams"), HTTP_BYTES_PER_SECOND="1000000") as web:
        yield web


def export_request(church: KnownChurch, *, version: str = "1.1") -> bytes:
    return (
        f"GET /api/contacts/export HTTP/{version}\r\nHost: example.org\r\nAuthorization: Bearer {church.key}\r\n\r\n"
    ).encode()


def large_contacts(database: Database, church: KnownChurch, *, count: int) -> None:
    """Contacts of which each takes a kilobyte in an export."""
    add_contacts(database, church.church_id, count=count)
    with church_scope(database, church.church_id) as connection:
        connection.execute("INSERT INTO contact_fields (church_id, name) VALUES (%s, 'note')", (church.church_id,))
        connection.execute("""UPDATE contacts SET fields = jsonb_build_object('note', repeat('x', 1000))""")


def test_an_export_is_sent_in_parts_on_a_connection_that_stays_open(
    web: WebServer, church: KnownChurch, database: Database
) -> None:
    add_contacts(database, church.church_id, count=2_500)
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)

    connection.request("GET", "/api/contacts/export", headers=church.bearer)
    answer = connection.getresponse()
    rows = list(csv.DictReader(io.StringIO(answer.read().decode("utf-8-sig"))))
    connection.request("GET", "/api/contacts/export?format=xlsx", headers=church.bearer)
    workbook = zipfile.ZipFile(io.BytesIO(connection.getresponse().read()))
    connection.request("HEAD", "/api/contacts/export", headers=church.bearer)
    head = connection.getresponse()
    head.read()
    connection.close()

    assert (answer.status, answer.headers["Transfer-Encoding"]) == (200, "chunked")
    assert [row["Name"] for row in rows] == [f"Person {number}" for number in range(2_500)]
    assert workbook.testzip() is None
    assert workbook.read("xl/worksheets/sheet1.xml").count(b"<row>") == 2_501
    assert head.status == 200


def test_a_client_of_http_1_0_gets_the_whole_export_too(
    web: WebServer, church: KnownChurch, database: Database
) -> None:
    add_contacts(database, church.church_id, count=1_500)

    head, _, body = web.exchange(export_request(church, version="1.0")).partition(b"\r\n\r\n")

    assert b"chunked" not in head
    assert body.count(b"\r\n") == 1_501


def test_a_client_that_reads_slowly_costs_neither_memory_nor_threads(
    web: WebServer, church: KnownChurch, database: Database
) -> None:
    """Twenty exports of 20 MB are not read: more than the server has threads, and 400 MB in all."""
    large_contacts(database, church, count=20_000)
    before = web.worker_memory()
    clients = [socket.create_connection(("127.0.0.1", web.port), timeout=30) for _ in range(20)]
    try:
        for client in clients:
            client.sendall(export_request(church))
        for client in clients:
            assert client.recv(12) == b"HTTP/1.1 200"
        assert web.get("/api/contacts?limit=1", headers=church.bearer)[0] == 200
        assert web.worker_memory() - before < 100_000_000
        [read] = [read_to_the_end([clients[0]], seconds=60)]
        assert read
    finally:
        for client in clients:
            client.close()
    wait_until(lambda: web.get("/health/live")[0] == 200)


def test_an_export_that_fails_on_the_way_does_not_look_complete(
    web: WebServer, church: KnownChurch, database: Database
) -> None:
    large_contacts(database, church, count=20_000)
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as client:
        client.sendall(export_request(church))
        received = client.recv(65536)
        with church_scope(database, church.church_id) as connection:
            # The last page fails: the fields of its contact are no object.
            connection.execute(
                "UPDATE contacts SET fields = '5' "
                "WHERE contact_id = (SELECT contact_id FROM contacts ORDER BY contact_id DESC LIMIT 1)"
            )
        try:
            while part := client.recv(1 << 20):
                received += part
        except ConnectionResetError:
            pass

    assert received.startswith(b"HTTP/1.1 200")
    assert not received.endswith(b"0\r\n\r\n")
    assert "a streamed response failed" in web.log.read_text()
    assert web.get("/health/live")[0] == 200


def test_only_an_upload_with_a_key_may_have_a_large_body(web: WebServer, church: KnownChurch) -> None:
    rows = "".join(f"Person {number},+1202555{number % 10_000:04d},{'x' * 900}\n" for number in range(12_000))
    file = f"Name,Phone,Note\n{rows}".encode()
    csv_type = {"Content-Type": "text/csv"}

    status, body = web.request("POST", "/api/imports", headers={**church.bearer, **csv_type}, body=file)
    assert status == 201, body
    assert json.loads(body)["rows"] == 12_000

    def status_of(request_line: str, key: str | None, size: int) -> bytes:
        """The status that is answered before any of the body is sent."""
        authorization = f"Authorization: Bearer {key}\r\n" if key else ""
        head = f"{request_line} HTTP/1.1\r\nHost: a\r\n{authorization}Content-Length: {size}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", web.port), timeout=30) as client:
            client.sendall(head.encode())
            return client.recv(12)

    too_large = b"HTTP/1.1 413"
    assert status_of("POST /api/imports", church.key, 26_000_000) == too_large
    assert status_of("POST /api/imports", None, 9_000_000) == too_large
    assert status_of("POST /api/imports", "nonsense", 9_000_000) == too_large
    assert status_of("POST /api/contacts", church.key, 9_000_000) == too_large
    assert status_of("PUT /api/imports", church.key, 9_000_000) == too_large
