"""`flask set-sender`, and the mail sender of `create-church`."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from store.database import Database, system_scope
from tests.integration.commands.conftest import Run

UNKNOWN_CHURCH = "01900000-0000-7000-8000-000000000000"


def senders(database: Database, church_id: UUID) -> list[tuple[Any, ...]]:
    with system_scope(database) as connection:
        return connection.execute(
            "SELECT channel, address, messaging_service_sid, details FROM senders WHERE church_id = %s ORDER BY 1",
            (church_id,),
        ).fetchall()


def new_church(run: Run, *options: str) -> UUID:
    result = run("create-church", "--name", "Grace", *options, "--json")
    assert result.exit_code == 0, result.output
    return UUID(json.loads(result.stdout)["churchId"])


def test_a_church_can_be_created_with_a_mail_sender(run: Run, database: Database) -> None:
    church = new_church(run, "--mail-from", "Office@Grace.example.org")

    assert senders(database, church) == [("mail", "office@grace.example.org", None, {"name": "Grace"})]


def test_a_sender_is_set_and_changed(run: Run, database: Database) -> None:
    church = new_church(run)
    mail = ("set-sender", "--church", str(church), "--channel", "mail", "--from")

    assert run(*mail, "office@grace.example.org").exit_code == 0
    assert senders(database, church) == [("mail", "office@grace.example.org", None, {"name": "Grace"})]

    result = run(*mail, "news@platform.example.org", "--name", "Grace & Co", "--reply-to", "office@grace.example.org")
    assert "sends from news@platform.example.org on mail now" in result.stdout
    details = {"name": "Grace & Co", "replyTo": "office@grace.example.org"}
    assert senders(database, church) == [("mail", "news@platform.example.org", None, details)]

    assert run("set-sender", "--church", str(church), "--channel", "sms", "--from", "+12025550123").exit_code == 0
    assert senders(database, church)[1] == ("sms", "+12025550123", None, {})


def test_the_number_of_a_new_church_sends_texts_and_pictures(run: Run, database: Database) -> None:
    church = new_church(run, "--sms-from", "+12025550123")

    assert senders(database, church) == [("mms", "+12025550123", None, {}), ("sms", "+12025550123", None, {})]
    assert run("set-sender", "--church", str(church), "--channel", "mms", "--from", "+12025550124").exit_code == 0
    assert senders(database, church) == [("mms", "+12025550124", None, {}), ("sms", "+12025550123", None, {})]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--channel", "mail"], "--from is missing"),
        (["--channel", "sms"], "--from or --messaging-service is missing"),
        (["--channel", "mail", "--from", "+12025550123"], "--from is not an e-mail address"),
        (["--channel", "sms", "--from", "a@example.org"], "--from must be in international form"),
        (["--channel", "mail", "--from", "a@example.org", "--reply-to", "b"], "--reply-to is not an e-mail address"),
        (["--channel", "mail", "--messaging-service", "MG" + "a" * 32], "--messaging-service is for texts"),
        (["--channel", "sms", "--from", "+12025550123", "--name", "x"], "--name and --reply-to are for mail"),
        (["--channel", "mail", "--from", "=?utf-8?q?a=0Ab?=@example.org"], "--from is not an e-mail address"),
        (["--channel", "mail", "--from", "a@example.org", "--name", "a\nBcc: b"], "--name must be one line"),
        (["--channel", "mail", "--from", "a@example.org", "--name", "=?utf-8?q?a=0Ab?="], "--name must be plain text"),
        (["--channel", "mail", "--from", "a@example.org", "--name", "x" * 201], "--name must have at most 200"),
        (
            ["--channel", "mail", "--from", "a@example.org", "--church", UNKNOWN_CHURCH],
            f"There is no church {UNKNOWN_CHURCH}",
        ),
    ],
)
def test_invalid_input_is_reported_in_one_line(run: Run, database: Database, options: list[str], message: str) -> None:
    church = new_church(run)

    result = run("set-sender", "--church", str(church), *options)

    assert result.exit_code == 2
    [line] = [line for line in result.stderr.splitlines() if line.startswith("Error:")]
    assert message in line
    assert senders(database, church) == []


@pytest.mark.parametrize("name", ["Grace\nBcc: all@example.org", "Grace\x00", "=?utf-8?q?a=0D=0Ab?=", "x" * 201])
def test_a_church_name_that_mails_cannot_contain_is_refused(run: Run, database: Database, name: str) -> None:
    result = run("create-church", "--name", name, "--mail-from", "office@grace.example.org")

    assert result.exit_code == 2
    assert "Error: --name must" in result.stderr
    with system_scope(database) as connection:
        assert connection.execute("SELECT count(*) FROM churches").fetchall() == [(0,)]


def test_an_old_church_name_that_mails_cannot_contain_is_not_used(run: Run, database: Database) -> None:
    church = new_church(run)
    with system_scope(database) as connection:
        connection.execute("UPDATE churches SET name = E'Grace\nChurch'")

    refused = run("set-sender", "--church", str(church), "--channel", "mail", "--from", "office@grace.example.org")
    named = run(
        *("set-sender", "--church", str(church), "--channel", "mail"),
        *("--from", "office@grace.example.org", "--name", "Grace Church"),
    )

    assert refused.exit_code == 2
    assert "set another one with --name" in refused.stderr
    assert named.exit_code == 0
