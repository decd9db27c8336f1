"""`flask church list`, `show`, `suspend` and `resume`."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from redis import Redis

from jobs.worker.checked_job import CheckedQueue
from messaging.submissions import Sender
from store import audit, opt_outs, senders
from store.database import Database, system_scope
from store.opt_outs import SenderRefusal
from tests.harness.churches import add_contacts, create_church
from tests.integration.commands.conftest import Run
from tests.integration.jobs.conftest import compose, expanded
from tests.integration.jobs.scheduling import rows

UNKNOWN_CHURCH = "01900000-0000-7000-8000-000000000000"


def audited(database: Database) -> list[tuple[str, str, UUID | None]]:
    with system_scope(database) as connection:
        return [(each.action, each.subject, each.church_id) for each in audit.list_events(connection, limit=100)]


def test_a_church_is_suspended_once_and_the_first_reason_stays(run: Run, database: Database) -> None:
    church_id = create_church(database).church_id

    first = run("church", "suspend", str(church_id), "--reason", "unpaid since May")
    second = run("church", "suspend", str(church_id), "--reason", "something else")

    assert first.exit_code == second.exit_code == 0
    assert "is suspended: nothing more is sent for it" in first.stdout
    assert f"flask church resume {church_id}" in first.stdout
    assert "has been suspended since" in second.stdout
    assert "(unpaid since May)" in second.stdout
    assert audited(database) == [("church.suspended", str(church_id), church_id)]


def test_resuming_says_what_is_sent_what_is_too_late_and_which_sender_stays_paused(
    run: Run, database: Database, redis: Redis
) -> None:
    church_id = create_church(database).church_id
    old = expanded(database, church_id)
    expanded(database, church_id)
    rows(database, "UPDATE messages SET send_at = now() - interval '7 days' WHERE message_id = %(old)s", old=old)
    run("church", "suspend", str(church_id), "--reason", "unpaid")
    with system_scope(database) as connection:
        senders.pause(connection, church_id=church_id, channel="sms", reason="unregistered")

    result = run("church", "resume", str(church_id))

    assert result.exit_code == 0
    assert "6 deliveries were waiting: 3 are sent now" in result.stdout
    assert "3 are older than 24 hours and fail as too late" in result.stdout
    assert "The sender for sms stays paused (unregistered)" in result.stdout
    assert len(CheckedQueue("sms", connection=redis).get_job_ids()) == 1
    assert [action for action, _, _ in audited(database)] == ["church.resumed", "church.suspended"]

    again = run("church", "resume", str(church_id))
    assert "is not suspended: there is nothing to resume" in again.stdout
    assert len(audited(database)) == 2


def test_setting_and_resuming_a_sender_says_that_the_church_is_suspended(run: Run, database: Database) -> None:
    church_id = create_church(database).church_id
    run("church", "suspend", str(church_id), "--reason", "unpaid")
    with system_scope(database) as connection:
        senders.pause(connection, church_id=church_id, channel="sms", reason="unregistered")

    resumed = run("resume-sender", "--church", str(church_id), "--channel", "sms")
    replaced = run("set-sender", "--church", str(church_id), "--channel", "sms", "--from", "+12025550123")

    for result in (resumed, replaced):
        assert result.exit_code == 0
        assert "The church is suspended (unpaid): nothing is sent until `flask church resume`." in result.stdout
    assert "sends again" not in resumed.stdout


@pytest.mark.parametrize(
    "arguments", [("suspend", "--reason", "x"), ("resume",), ("show",)], ids=lambda arguments: arguments[0]
)
@pytest.mark.parametrize(("church_id", "message"), [(UNKNOWN_CHURCH, "There is no church"), ("x", "must be the UUID")])
def test_an_unknown_church_is_named_in_one_line(
    run: Run, database: Database, arguments: tuple[str, ...], church_id: str, message: str
) -> None:
    result = run("church", *arguments, church_id)

    assert result.exit_code == 2
    assert message in result.stderr
    assert audited(database) == []


def test_the_list_shows_what_is_paused_and_suspended_and_filters_by_it(run: Run, database: Database) -> None:
    paused, suspended, quiet = (create_church(database).church_id for _ in range(3))
    for church_id, name in ((paused, "Grace Chapel"), (suspended, "Hill 100%_ Church"), (quiet, "Quiet Chapel")):
        rows(database, "UPDATE churches SET name = %(name)s WHERE church_id = %(id)s", name=name, id=church_id)
    with system_scope(database) as connection:
        senders.pause(connection, church_id=paused, channel="sms", reason="unregistered")
    compose(database, paused)
    run("church", "suspend", str(suspended), "--reason", "unpaid")

    def listed(*options: str) -> list[UUID]:
        result = run("church", "list", *options, "--json")
        assert result.exit_code == 0, result.output
        return [UUID(each["churchId"]) for each in json.loads(result.stdout)["churches"]]

    assert listed() == [paused, suspended, quiet], "by name"
    assert listed("--paused") == [paused]
    assert listed("--suspended") == [suspended]
    assert listed("--name", "chapel") == [paused, quiet]
    assert listed("--name", "0%_") == [suspended], "no wildcards"
    assert listed("--name", "absent") == []
    text = run("church", "list").stdout
    [line] = [line for line in text.splitlines() if str(paused) in line]
    assert "Grace Chapel" in line
    assert "never" not in line
    assert line.count("sms") == 2, "it has a sender, which is paused"


def test_a_long_list_is_cut_and_says_so(run: Run, database: Database) -> None:
    rows(database, "INSERT INTO churches (name) SELECT 'Church ' || n FROM generate_series(1, 3000) AS n")

    result = run("church", "list")

    assert len(result.stdout.splitlines()) == 102
    assert "100 of 3,000 churches: --limit shows more, --name selects." in result.stdout


def test_the_state_of_a_church_is_shown(run: Run, database: Database) -> None:
    church = create_church(database, sender="+15005550007")
    other = create_church(database)
    add_contacts(database, church.church_id, count=3)
    message = expanded(database, church.church_id)
    foreign = expanded(database, other.church_id)
    with system_scope(database) as connection:
        senders.pause(
            connection, church_id=church.church_id, channel="sms", reason="the number is not ours", code="21606"
        )
        opt_outs.opt_out(connection, church_id=church.church_id, address="+12025550100", source="command")
        used = Sender(address="+15005550007", messaging_service_sid=None)
        refusals = [SenderRefusal(church_id=church.church_id, address=f"+1202555010{n}", sender=used) for n in range(2)]
        opt_outs.opt_out_of_senders(connection, refusals, channel="sms")

    text = run("church", "show", str(church.church_id)).stdout
    shown = json.loads(run("church", "show", str(church.church_id), "--json").stdout)

    assert "Suspended:      no" in text
    assert "Contacts:       3" in text
    assert "Opt-outs:       1, and 2 of single senders" in text
    assert "(21606: the number is not ours)" in text
    assert f"flask resume-sender --church {church.church_id} --channel sms" in text
    assert str(message) in text
    assert str(foreign) not in text
    assert church.key not in text
    assert shown["senders"][0]["pausedCode"] == "21606"
    assert shown["openMessages"][0] | {"queued": 3, "sending": 0} == shown["openMessages"][0]
    assert [key["label"] for key in shown["keys"]] == ["test"]
    assert "secretHash" not in shown["keys"][0]
