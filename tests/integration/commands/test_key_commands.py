"""`flask create-key`, `list-keys`, `find-key` and `revoke-key`."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import datetime
from http.client import HTTPConnection
from typing import Any
from uuid import UUID

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from api.keys import hash_key, new_key
from settings import Settings
from store.database import Database, system_scope
from tests.harness.waiting import wait_until
from tests.integration.commands.conftest import Run, opened_app

KEY = re.compile(r"ksms_[A-Za-z0-9_-]{43}")
UNKNOWN_CHURCH = "01900000-0000-7000-8000-000000000000"


def new_church(run: Run, name: str = "Grace") -> dict[str, str]:
    return json.loads(run("create-church", "--name", name, "--json").stdout)


def make_key(run: Run, church: str, *options: str) -> tuple[str, str, Result]:
    """Create a key, and return its id, the key, and the result of the command."""
    result = run("create-key", "--church", church, "--label", "front end", *options)
    assert result.exit_code == 0, result.output
    [key] = KEY.findall(result.stdout)
    key_id = re.search(r"Key id: +(\S+)", result.stdout)
    assert key_id is not None
    return key_id[1], key, result


def status_with(client: FlaskClient, key: str) -> int:
    return client.get("/api/contacts", headers={"Authorization": f"Bearer {key}"}).status_code


def detail_with(client: FlaskClient, key: str) -> str:
    response: Any = client.get("/api/contacts", headers={"Authorization": f"Bearer {key}"}).get_json()
    return response["detail"]


@contextmanager
def served(app: Flask) -> Generator[int]:
    """Serve the app over HTTP, and yield the port."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def last_used(database: Database, key: str) -> datetime | None:
    with system_scope(database) as connection:
        found = connection.execute("SELECT last_used_at FROM api_keys WHERE secret_hash = %s", (hash_key(key),))
        return found.fetchall()[0][0]


def expire(database: Database, key: str) -> None:
    with system_scope(database) as connection:
        connection.execute(
            "UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE secret_hash = %s", (hash_key(key),)
        )


# --- revoking ---------------------------------------------------------------------------------------------------------


def test_a_revoked_key_is_refused_by_every_process_immediately(
    run: Run, settings: Settings, web_client: FlaskClient
) -> None:
    church = new_church(run)["churchId"]
    key_id, key, _ = make_key(run, church)
    with opened_app(settings) as another:
        processes = (web_client, another.test_client())
        assert [status_with(client, key) for client in processes] == [200, 200]

        revoked = run("revoke-key", key_id)

        assert revoked.exit_code == 0
        assert key_id in revoked.stdout
        assert [status_with(client, key) for client in processes] == [401, 401]
        assert detail_with(web_client, key) == "The key is unknown or revoked."


def test_a_request_whose_body_arrives_after_the_revocation_is_refused(
    run: Run, web_client: FlaskClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.authentication.CONFIRMED_AFTER_SECONDS", 0)
    made = new_church(run)
    body = json.dumps({"contacts": [{"name": "Ruth", "phone": "+12025550123"}]})
    with (
        served(web_client.application) as port,
        closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection,
    ):
        connection.putrequest("POST", "/api/contacts")
        for name, value in {
            "Authorization": f"Bearer {made['apiKey']}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }.items():
            connection.putheader(name, value)
        connection.endheaders()
        wait_until(lambda: last_used(database, made["apiKey"]) is not None)

        run("revoke-key", input=made["apiKey"])
        connection.send(body.encode())

        assert connection.getresponse().status == 401
    with system_scope(database) as connection:
        assert connection.execute("SELECT count(*) FROM contacts").fetchone() == (0,)


def test_a_key_on_standard_input_is_revoked(run: Run, web_client: FlaskClient) -> None:
    church = new_church(run)["churchId"]
    key_id, key, _ = make_key(run, church)

    revoked = run("revoke-key", input=f"{key}\n")

    assert revoked.exit_code == 0
    assert key_id in revoked.stdout
    assert key not in revoked.output
    assert status_with(web_client, key) == 401


def test_a_key_on_the_command_line_is_refused_and_not_repeated(run: Run, web_client: FlaskClient) -> None:
    key = new_church(run)["apiKey"]

    for command in ("revoke-key", "find-key"):
        refused = run(command, key)
        assert refused.exit_code == 2
        assert key not in refused.output
    assert "standard input" in refused.stderr
    assert status_with(web_client, key) == 200


def test_a_second_revocation_is_reported_and_keeps_the_time_of_the_first(run: Run, database: Database) -> None:
    key_id, key, _ = make_key(run, new_church(run)["churchId"])
    run("revoke-key", key_id)
    first = revoked_at(database, key)

    again = run("revoke-key", key_id)

    assert (again.exit_code, revoked_at(database, key)) == (0, first)
    assert "already revoked" in again.stdout


def revoked_at(database: Database, key: str) -> object:
    with system_scope(database) as connection:
        row = connection.execute("SELECT revoked_at FROM api_keys WHERE secret_hash = %s", (hash_key(key),)).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize("key_id", [UNKNOWN_CHURCH, "7", "ksms_short"])
def test_an_unknown_key_id_is_reported_in_one_line_with_the_remedy(run: Run, key_id: str) -> None:
    refused = run("revoke-key", key_id)

    assert refused.exit_code == 2
    [line] = [line for line in refused.stderr.splitlines() if line.startswith("Error:")]
    assert "flask list-keys" in line or "standard input" in line


def test_empty_input_is_reported(run: Run) -> None:
    refused = run("revoke-key", input="")

    assert refused.exit_code == 2
    assert "Error:" in refused.stderr


# --- expiry -----------------------------------------------------------------------------------------------------------


def test_an_expired_key_is_refused_with_the_reason(run: Run, web_client: FlaskClient, database: Database) -> None:
    _, key, result = make_key(run, new_church(run)["churchId"], "--expires", "90d")
    assert re.search(r"Expires: +\d{4}-\d\d-\d\d", result.stdout)
    assert status_with(web_client, key) == 200

    expire(database, key)

    assert status_with(web_client, key) == 401
    assert "expired" in detail_with(web_client, key)


def test_a_revoked_key_that_expired_is_reported_as_revoked(
    run: Run, web_client: FlaskClient, database: Database
) -> None:
    key_id, key, _ = make_key(run, new_church(run)["churchId"], "--expires", "1d")
    run("revoke-key", key_id)
    expire(database, key)

    assert detail_with(web_client, key) == "The key is unknown or revoked."
    assert detail_with(web_client, new_key()[0]) == "The key is unknown or revoked."


def test_an_expiry_date_means_the_start_of_that_day_in_utc(run: Run, database: Database) -> None:
    _, key, result = make_key(run, new_church(run)["churchId"], "--expires", "2099-01-01")

    assert "2099-01-01 00:00 UTC" in result.stdout
    with system_scope(database) as connection:
        found = connection.execute("SELECT expires_at FROM api_keys WHERE secret_hash = %s", (hash_key(key),))
        assert str(found.fetchall()[0][0].astimezone(tz=None).timestamp()) == "4070908800.0"


@pytest.mark.parametrize(
    "expires", ["2001-01-01", "0d", "-1d", "90", "tomorrow", "2027-13-01", "99999999d", "9" * 400 + "d", "９0d", ""]
)
def test_an_invalid_expiry_is_refused_and_creates_no_key(run: Run, database: Database, expires: str) -> None:
    church = new_church(run)["churchId"]

    refused = run("create-key", "--church", church, "--label", "x", "--expires", expires)

    assert refused.exit_code == 2
    assert "--expires" in refused.stderr
    assert len([line for line in refused.stderr.splitlines() if line.startswith("Error:")]) == 1
    with system_scope(database) as connection:
        assert connection.execute("SELECT count(*) FROM api_keys").fetchone() == (1,)


# --- listing and finding ----------------------------------------------------------------------------------------------


def test_keys_are_listed_without_their_secrets(run: Run, web_client: FlaskClient) -> None:
    church, other = new_church(run), new_church(run, "Hope")
    key_id, key, _ = make_key(run, church["churchId"], "--expires", "2099-01-01", "--scope", "messages:read")
    revoked_id, _, _ = make_key(run, church["churchId"])
    run("revoke-key", revoked_id)
    status_with(web_client, key)
    status_with(web_client, church["apiKey"])

    listed = run("list-keys", "--church", church["churchId"]).stdout

    lines = {line.split()[0]: line for line in listed.splitlines()[1:]}
    assert len(lines) == 3
    assert all(name in listed.splitlines()[0] for name in ("CREATED", "EXPIRES", "REVOKED", "LAST USED", "SCOPES"))
    assert "front end" in lines[key_id]
    assert f"…{key[-4:]}" in lines[key_id]
    assert "2099-01-01" in lines[key_id]
    assert "messages:read" in lines[key_id]
    assert lines[key_id].count("never") == 0  # it has just been used
    assert "never" in lines[revoked_id]
    for secret in (key, church["apiKey"], other["apiKey"]):
        assert secret not in listed
    assert other["churchId"] in run("list-keys").stdout
    assert other["churchId"] not in listed


def test_control_characters_of_a_label_are_not_printed(run: Run) -> None:
    church = new_church(run)["churchId"]
    run("create-key", "--church", church, "--label", "a\x1b[2J\nforged line")

    listed = run("list-keys", "--church", church).stdout

    assert "\x1b" not in listed
    assert len(listed.splitlines()) == 3


def test_the_last_use_is_written_at_most_once_an_hour(run: Run, web_client: FlaskClient, database: Database) -> None:
    key = new_church(run)["apiKey"]
    assert last_used(database, key) is None
    status_with(web_client, key)
    first = last_used(database, key)
    status_with(web_client, key)
    assert first is not None
    assert last_used(database, key) == first
    with system_scope(database) as connection:
        connection.execute("UPDATE api_keys SET last_used_at = last_used_at - interval '61 minutes'")
    status_with(web_client, key)
    last = last_used(database, key)
    assert last is not None
    assert last > first


def test_a_lookup_does_not_wait_for_a_lock_on_the_key(run: Run, web_client: FlaskClient, database: Database) -> None:
    key = new_church(run)["apiKey"]
    with system_scope(database) as changing:
        changing.execute("UPDATE api_keys SET label = label || '!'")

        assert status_with(web_client, key) == 200


@pytest.mark.parametrize("form", ["key", "hash"])
def test_a_leaked_key_is_found_from_standard_input(run: Run, form: str) -> None:
    church = new_church(run)["churchId"]
    key_id, key, _ = make_key(run, church)

    found = run("find-key", input={"key": key, "hash": hash_key(key).hex()}[form])

    assert found.exit_code == 0
    assert key_id in found.stdout
    assert church in found.stdout
    assert key not in found.output


@pytest.mark.parametrize("text", ["ksms_" + "a" * 43, "0" * 64, "nonsense", ""])
def test_an_unknown_key_is_reported_and_not_repeated(run: Run, text: str) -> None:
    refused = run("find-key", input=text)

    assert refused.exit_code == 2
    assert len([line for line in refused.stderr.splitlines() if line.startswith("Error:")]) == 1
    assert text == "" or text not in refused.stderr


@pytest.mark.parametrize("command", ["list-keys", "create-key"])
def test_an_unknown_church_is_reported_in_one_line(run: Run, command: str) -> None:
    options = ("--label", "x") if command == "create-key" else ()
    refused = run(command, "--church", UNKNOWN_CHURCH, *options)

    assert refused.exit_code == 2
    assert f"There is no church {UUID(UNKNOWN_CHURCH)}." in refused.stderr
