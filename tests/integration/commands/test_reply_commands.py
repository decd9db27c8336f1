"""`flask set-replies`, and what `flask church show` says about the answers to keywords."""

from __future__ import annotations

import json
from uuid import UUID

from store import keyword_replies
from store.database import Database, system_scope
from store.keyword_replies import KeywordReplies
from tests.harness.churches import create_church
from tests.integration.commands.conftest import Run


def stored(database: Database, church_id: UUID) -> KeywordReplies:
    with system_scope(database) as connection:
        found = keyword_replies.get(connection, church_id)
    assert found is not None
    return found


def test_a_new_church_has_default_texts_with_its_name(run: Run, database: Database) -> None:
    church_id = create_church(database).church_id

    shown = run("church", "show", str(church_id)).stdout

    name = stored(database, church_id).church_name
    assert f"STOP: {name}: You are unsubscribed" in shown
    assert f"HELP: {name}: " in shown
    assert "Answered: remaining" in shown


def test_texts_and_mode_are_set_shown_and_restored(run: Run, database: Database) -> None:
    church_id = create_church(database).church_id

    result = run("set-replies", "--church", str(church_id), "--answer", "all", "--opt-out", "Goodbye.")
    assert result.exit_code == 0
    assert "STOP: Goodbye." in result.stdout
    assert "STOP: Goodbye." in run("church", "show", str(church_id)).stdout
    as_json = json.loads(run("church", "show", str(church_id), "--json").stdout)
    assert (as_json["replies"]["mode"], as_json["replies"]["optOutReply"]) == ("all", "Goodbye.")

    run("set-replies", "--church", str(church_id), "--opt-out", "default", "--help-text", "Call us.")
    found = stored(database, church_id)
    assert (found.mode.value, found.opt_out_reply, found.help_reply) == ("all", None, "Call us.")


def test_bad_input_is_refused_in_one_line(run: Run, database: Database) -> None:
    church_id = str(create_church(database).church_id)

    nothing = run("set-replies", "--church", church_id)
    long = run("set-replies", "--church", church_id, "--opt-in", "x" * 321)
    unknown = run("set-replies", "--church", "01900000-0000-7000-8000-000000000000", "--answer", "none")

    assert [result.exit_code for result in (nothing, long, unknown)] == [2, 2, 2]
    assert "at most 320 characters" in long.stderr
