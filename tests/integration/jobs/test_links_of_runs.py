"""Each run of a schedule has short links of its own, if the schedule or the church wants short links."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from channels.registry import link_rules
from jobs import run_schedules as job
from messaging.links import LinkRules
from messaging.merge_fields import MergeContact, parse
from settings import load_settings
from store import links, merge_fields
from store.database import Database, church_scope, open_database, system_scope
from store.links import Link, LinkSettings
from tests.harness.churches import create_church
from tests.harness.senders import set_mail_sender
from tests.integration.jobs.scheduling import make_schedule, rows

FIRST = datetime(2026, 1, 1, 14, tzinfo=UTC)
SUPPER = "https://grace.example.org/harvest-supper/" + "x" * 150


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = open_database(database_url, size=4, name="test")
    yield database
    database.close()


@pytest.fixture
def church_id(database: Database) -> UUID:
    return create_church(database).church_id


@pytest.fixture
def rules(database_url: str) -> LinkRules:
    settings = load_settings(
        database_url=database_url,
        enable_queues=False,
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token="token",
        public_url="https://texts.example.org",
        link_domain="s.example",
    )
    return link_rules(settings)


def a_schedule(
    database: Database,
    church_id: UUID,
    *,
    content: str = f"Supper: {SUPPER}",
    wanted: bool | None = True,
    channel: str = "sms",
) -> None:
    schedule = make_schedule(database, church_id, after=FIRST - timedelta(hours=1), channel=channel)
    rows(
        database,
        "UPDATE schedules SET content = %(content)s, shorten_links = %(wanted)s, segments = 2 "
        "WHERE schedule_id = %(id)s",
        content=content,
        wanted=wanted,
        id=schedule.schedule_id,
    )


def contents(database: Database) -> list[tuple[UUID, str, int]]:
    return rows(database, "SELECT message_id, content, segments FROM messages ORDER BY send_at")


def links_of(database: Database, church_id: UUID, message_id: UUID) -> list[Link]:
    with church_scope(database, church_id) as connection:
        return links.of_message(connection, church_id=church_id, message_id=message_id)


def test_each_run_has_links_of_its_own(database: Database, church_id: UUID, rules: LinkRules) -> None:
    a_schedule(database, church_id)

    for day in (0, 1):
        job.run_schedules(database, now=FIRST + timedelta(days=day), link_rules=rules)

    short_urls: set[str] = set()
    for day, (message_id, content, segments) in enumerate(contents(database)):
        [link] = links_of(database, church_id, message_id)
        assert (link.url, content, segments) == (SUPPER, f"Supper: {link.short_url}", 1)
        assert urlsplit(link.short_url).hostname == "s.example"
        assert link.expires_at - (FIRST + timedelta(days=day)) > timedelta(days=364)
        short_urls.add(link.short_url)
    assert len(short_urls) == 2
    assert rows(database, "SELECT content FROM schedules") == [(f"Supper: {SUPPER}",)]


def test_merge_fields_and_short_links_stand_in_one_text(database: Database, church_id: UUID, rules: LinkRules) -> None:
    content = "Hi {{firstName|friend}}, 100%: https://a.example/50%25?x=%1$s or https://a.example/{{name}}, https://a.example/"
    text = parse(content)
    stored = merge_fields.to_store({"content": text}, longest={"content": 1600}, needs_text=True, counts_segments=True)
    a_schedule(database, church_id, content=content)
    rows(database, "UPDATE schedules SET merge_fields = %(stored)s", stored=Jsonb(stored))

    job.run_schedules(database, now=FIRST, link_rules=rules)

    [(message_id, short_content, _)] = contents(database)
    first, second = links_of(database, church_id, message_id)
    assert [link.url for link in (first, second)] == ["https://a.example/50%25?x=%1$s", "https://a.example/"]
    [(template,)] = rows(database, "SELECT merge_fields -> 'texts' -> 0 ->> 'format' FROM messages")
    [(merged,)] = rows(database, "SELECT format(%(template)s, ' Ruth', 'Ruth Ames')", template=template)
    assert merged == f"Hi Ruth, 100%: {first.short_url} or https://a.example/Ruth Ames, {second.short_url}"
    assert parse(short_content).merge(MergeContact(name="Ruth Ames")) == merged


def test_a_run_that_is_recorded_again_keeps_its_links(database: Database, church_id: UUID, rules: LinkRules) -> None:
    a_schedule(database, church_id)
    job.run_schedules(database, now=FIRST, link_rules=rules)
    before = contents(database)
    rows(database, "UPDATE schedules SET next_run_at = %(at)s, next_wall_time = '2026-01-01 09:00'", at=FIRST)

    job.run_schedules(database, now=FIRST, link_rules=rules)

    assert contents(database) == before
    assert rows(database, "SELECT count(*) FROM links") == [(1,)]


@pytest.mark.parametrize(("wanted", "by_default", "count"), [(None, True, 1), (None, False, 0), (False, True, 0)])
def test_the_church_decides_if_the_schedule_does_not(
    database: Database, church_id: UUID, rules: LinkRules, wanted: bool | None, by_default: bool, count: int
) -> None:
    with system_scope(database) as connection:
        settings = LinkSettings(link_domain="grace.example", shortens_links=by_default)
        links.change_settings(connection, settings, church_id=church_id)
    a_schedule(database, church_id, wanted=wanted)

    job.run_schedules(database, now=FIRST, link_rules=rules)

    [(message_id, content, _)] = contents(database)
    assert len(links_of(database, church_id, message_id)) == count
    assert ("https://grace.example/l/" in content) == (count == 1)


def test_a_text_that_would_be_too_long_and_a_mail_keep_their_urls(
    database: Database, church_id: UUID, rules: LinkRules
) -> None:
    set_mail_sender(database, church_id)
    many = " ".join(f"http://a.io/{n:02}" for n in range(100))
    a_schedule(database, church_id, content=many)
    a_schedule(database, church_id, channel="mail")

    job.run_schedules(database, now=FIRST, link_rules=rules)

    assert {content for _, content, _ in contents(database)} == {many, f"Supper: {SUPPER}"}
    assert rows(database, "SELECT count(*) FROM links") == [(0,)]
