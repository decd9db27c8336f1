"""POST /inbound/sms: what people write is stored once, and keywords take effect before the carrier is answered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg import OperationalError
from werkzeug.test import TestResponse

from messaging.keyword_replies import ReplyMode
from messaging.submissions import Sender
from store import claims, inbox, keyword_replies, opt_outs, senders
from store.claims import ClaimTerms
from store.database import Database, system_scope
from store.keyword_replies import KeywordReplies
from store.opt_outs import SenderRefusal
from tests.harness.churches import KnownChurch, create_church
from tests.harness.inbound_messages import PATH, deliver, inbound_form
from tests.integration.api.conftest import PUBLIC_URL, TWILIO_TOKEN

SERVICE = "MG" + "b" * 32


_numbers = count()


def new_number() -> str:
    return f"+1202{5550000 + next(_numbers)}"


def query(database: Database, statement: str, **names: Any) -> list[tuple[Any, ...]]:
    with system_scope(database) as connection:
        cursor = connection.execute(statement.encode(), names)
        return cursor.fetchall() if cursor.description else []


class Conversation:
    """One person and one church, with a number that nobody else has."""

    def __init__(self, client: FlaskClient, database: Database, *, mode: ReplyMode = ReplyMode.ALL) -> None:
        self.client, self.database = client, database
        self.person = new_number()
        self.number = f"+1303{5550000 + next(_numbers)}"
        self.church = create_church(database, sender=self.number)
        self.answer_keywords(mode)

    @property
    def church_id(self) -> UUID:
        return self.church.church_id

    def answer_keywords(self, mode: ReplyMode, **texts: str | None) -> None:
        replies: dict[str, Any] = {"opt_out_reply": None, "opt_in_reply": None, "help_reply": None, **texts}
        with system_scope(self.database) as connection:
            new = KeywordReplies(church_name="", mode=mode, **replies)
            keyword_replies.save(connection, self.church_id, new)

    def form(self, text: str, **more: str) -> dict[str, str]:
        return inbound_form(text, sender=self.person, to=self.number, **more)

    def post(self, form: dict[str, str]) -> TestResponse:
        return deliver(self.client, form, public_url=PUBLIC_URL, token=TWILIO_TOKEN)

    def write(self, text: str, **more: str) -> None:
        assert self.post(self.form(text, **more)).status_code == 200

    def stored(self) -> list[tuple[Any, ...]]:
        return query(
            self.database,
            "SELECT channel, content, keyword FROM inbound_messages WHERE from_address = %(person)s ORDER BY 1, 2",
            person=self.person,
        )

    def answers(self) -> list[str]:
        """The texts that answer keywords, in order."""
        rows = query(
            self.database,
            "SELECT content FROM messages WHERE church_id = %(church)s AND kind = 'confirmation' ORDER BY message_id",
            church=self.church_id,
        )
        return [content for (content,) in rows]

    def is_opted_out(self) -> bool:
        with system_scope(self.database) as connection:
            return opt_outs.get(connection, church_id=self.church_id, address=self.person) is not None

    def let_time_pass(self) -> None:
        """Opt-outs, and what was written, are no longer of the same moment."""
        for statement in (
            "UPDATE opt_outs SET opted_out_at = opted_out_at - interval '1 minute' WHERE address = %(person)s",
            "UPDATE inbound_messages SET inbound_message_id = uuidv7('-1 minute') WHERE from_address = %(person)s",
        ):
            query(self.database, statement, person=self.person)

    def events(self) -> list[tuple[Any, ...]]:
        with system_scope(self.database) as connection:
            found = opt_outs.history(connection, church_id=self.church_id, address=self.person)
        return [(each.event, each.source, each.evidence, each.channel, each.sender) for each in found]

    def claimed(self) -> list[str]:
        """The texts that a worker submits next to the person."""
        terms = ClaimTerms(
            channel="sms", limit=100, lease_seconds=60, keeps_quiet_hours=False, age_limit_seconds=86_400
        )
        with system_scope(self.database) as connection:
            claim = claims.claim_for_church(connection, self.church_id, terms)
        return [envelope.content for envelope in claim.envelopes if envelope.address == self.person]


@pytest.fixture
def conversation(client: FlaskClient, database: Database) -> Conversation:
    return Conversation(client, database)


def test_a_reply_is_stored_and_answered_with_empty_twiml(conversation: Conversation) -> None:
    answer = conversation.post(conversation.form("See you there! 🎉"))

    assert (answer.status_code, answer.mimetype) == (200, "text/xml")
    assert answer.data == b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
    assert conversation.stored() == [("sms", "See you there! 🎉", None)]
    assert conversation.answers() == []


def test_pictures_are_stored_with_their_links(conversation: Conversation, database: Database) -> None:
    conversation.write(
        "From the picnic",
        NumMedia="2",
        MediaUrl0="https://api.twilio.com/a",
        MediaContentType0="image/jpeg",
        MediaUrl1="https://api.twilio.com/b",
        MediaContentType1="image/png",
    )

    [(channel, media)] = query(
        database, "SELECT channel, media FROM inbound_messages WHERE from_address = %(p)s", p=conversation.person
    )
    assert channel == "mms"
    assert media == [
        {"url": "https://api.twilio.com/a", "contentType": "image/jpeg"},
        {"url": "https://api.twilio.com/b", "contentType": "image/png"},
    ]


@pytest.mark.parametrize("count", ["", "-1", "1e9", "99999999999999999999", "３", "999999"])
def test_a_wrong_number_of_media_loses_no_text(conversation: Conversation, count: str) -> None:
    conversation.write("Stop", NumMedia=count)

    assert conversation.stored() == [("sms", "Stop", "opt_out")]


def test_a_text_with_nul_characters_is_stored_without_them(conversation: Conversation) -> None:
    conversation.write("Am\x00en", MediaUrl0="\x00")

    assert conversation.stored() == [("sms", "Amen", None)]


def test_a_message_that_comes_twice_or_at_once_is_stored_once(conversation: Conversation, app: Flask) -> None:
    form = conversation.form("STOP")

    def post(_: int) -> int:
        return deliver(app.test_client(), form, public_url=PUBLIC_URL, token=TWILIO_TOKEN).status_code

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(post, range(8))) == [200] * 8
    assert conversation.stored() == [("sms", "STOP", "opt_out")]
    assert len(conversation.answers()) == len(conversation.events()) == 1


def test_a_repeated_stop_after_start_changes_nothing(conversation: Conversation) -> None:
    stop = conversation.form("STOP")
    conversation.post(stop)
    conversation.let_time_pass()
    conversation.write("START")

    assert conversation.post(stop).status_code == 200
    assert not conversation.is_opted_out()


@pytest.mark.parametrize("forgery", ["unsigned", "other token", "changed form"])
def test_a_forged_message_is_refused(conversation: Conversation, forgery: str) -> None:
    form = conversation.form("STOP")
    client = conversation.client
    if forgery == "unsigned":
        answer = client.post(PATH, data=form)
    elif forgery == "other token":
        answer = deliver(client, form, public_url=PUBLIC_URL, token="x" * 32)
    else:
        signed = deliver(client, form | {"Body": "Amen"}, public_url=PUBLIC_URL, token=TWILIO_TOKEN)
        answer = client.post(
            PATH, data=form, headers={"X-Twilio-Signature": signed.request.headers["X-Twilio-Signature"]}
        )

    assert (answer.status_code, answer.mimetype) == (403, "application/problem+json")
    assert not conversation.is_opted_out()


def test_a_signed_message_without_its_sender_is_refused_with_the_field(conversation: Conversation) -> None:
    form = conversation.form("STOP")
    del form["From"]

    answer = conversation.post(form)

    assert answer.status_code == 422
    assert answer.get_json()["errors"] == [{"field": "body", "message": "From is missing"}]


def test_without_postgresql_the_carrier_is_told_to_repeat_it(
    conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("the database is away")

    form = conversation.form("STOP")
    with monkeypatch.context() as patched:
        patched.setattr(inbox, "insert", fail)
        refused = conversation.post(form)
    accepted = conversation.post(form)

    assert (refused.status_code, accepted.status_code) == (503, 200)
    assert conversation.is_opted_out()


def test_a_message_to_a_number_of_nobody_is_not_stored(client: FlaskClient, database: Database) -> None:
    form = inbound_form("STOP", sender=new_number(), to="+13039990000")

    answer = deliver(client, form, public_url=PUBLIC_URL, token=TWILIO_TOKEN)

    assert (answer.status_code, answer.mimetype) == (200, "text/xml")
    assert query(database, "SELECT 1 FROM inbound_messages WHERE carrier_id = %(sid)s", sid=form["MessageSid"]) == []


def test_stop_opts_out_of_the_church_and_is_in_the_history(conversation: Conversation, database: Database) -> None:
    conversation.write("Please stop!")

    assert conversation.is_opted_out()
    assert conversation.events() == [("opt_out", "keyword", "stop", "sms", None)]
    assert query(
        database,
        "SELECT count(*) FROM consent_events JOIN inbound_messages USING (inbound_message_id) "
        "WHERE consent_events.address = %(person)s",
        person=conversation.person,
    ) == [(1,)]


def test_start_opts_in_again_also_at_the_sender(conversation: Conversation, database: Database) -> None:
    conversation.write("STOP")
    refusal = SenderRefusal(
        church_id=conversation.church_id,
        address=conversation.person,
        sender=Sender(address=conversation.number, messaging_service_sid=None),
    )
    with system_scope(database) as connection:
        opt_outs.opt_out_of_senders(connection, [refusal], channel="sms")
    query(database, "UPDATE sender_opt_outs SET opted_out_at = now() - interval '1 minute'")
    conversation.let_time_pass()

    conversation.write("START")

    assert not conversation.is_opted_out()
    assert query(database, "SELECT 1 FROM sender_opt_outs WHERE address = %(p)s", p=conversation.person) == []
    assert [event for event, *_ in conversation.events()] == ["opt_out", "opt_out", "opt_in", "opt_in"]


def test_start_at_the_same_moment_as_stop_does_not_lift_it(conversation: Conversation) -> None:
    conversation.write("STOP")
    conversation.write("START")

    assert conversation.is_opted_out()
    assert conversation.stored() == [("sms", "START", "opt_in"), ("sms", "STOP", "opt_out")]
    conversation.let_time_pass()
    conversation.write("start")
    assert not conversation.is_opted_out()


def test_start_at_the_same_moment_as_a_repeated_stop_does_not_lift_it(conversation: Conversation) -> None:
    conversation.write("STOP")
    conversation.let_time_pass()

    conversation.write("Please stop")
    conversation.write("START")

    assert conversation.is_opted_out()
    assert len(conversation.answers()) == 1
    conversation.let_time_pass()
    conversation.write("START")
    assert not conversation.is_opted_out()


def test_yes_opts_in_only_who_is_opted_out(conversation: Conversation) -> None:
    conversation.write("Yes")
    conversation.write("STOP")
    conversation.let_time_pass()
    conversation.write("YES")

    assert not conversation.is_opted_out()
    assert conversation.stored() == [("sms", "STOP", "opt_out"), ("sms", "YES", "opt_in"), ("sms", "Yes", None)]


def test_what_the_carrier_recognized_is_decisive_and_not_answered(conversation: Conversation) -> None:
    conversation.write("Adios", OptOutType="STOP")

    assert conversation.is_opted_out()
    assert conversation.answers() == []
    assert conversation.stored() == [("sms", "Adios", "opt_out")]
    conversation.let_time_pass()
    conversation.write("Bienvenido", OptOutType="START")
    assert not conversation.is_opted_out()
    conversation.write("STOP", OptOutType="HELP")
    assert not conversation.is_opted_out()


def test_an_opt_out_is_confirmed_although_the_person_is_opted_out(conversation: Conversation) -> None:
    conversation.write("STOP")

    [answer] = conversation.answers()
    assert "unsubscribed" in answer
    assert conversation.claimed() == [answer]


def test_a_confirmation_is_sent_in_quiet_hours_and_from_a_refused_sender(
    conversation: Conversation, database: Database
) -> None:
    hour = query(database, "SELECT extract(hour FROM now() AT TIME ZONE 'America/New_York')::int")[0][0]
    opens = (hour + 3) % 22 * 60
    query(
        database,
        "UPDATE churches SET window_opens = %(opens)s, window_closes = %(closes)s WHERE church_id = %(church)s",
        opens=opens,
        closes=opens + 60,
        church=conversation.church_id,
    )
    conversation.write("STOP")

    terms = ClaimTerms(channel="sms", limit=10, lease_seconds=60, keeps_quiet_hours=True, age_limit_seconds=86_400)
    with system_scope(database) as connection:
        claim = claims.claim_for_church(connection, conversation.church_id, terms)
    assert [envelope.address for envelope in claim.envelopes] == [conversation.person]


def test_stop_start_stop_is_confirmed_once_a_day(conversation: Conversation, database: Database) -> None:
    for text in ("STOP", "START", "STOP", "start", "please stop"):
        conversation.write(text)
        conversation.let_time_pass()

    assert len(conversation.answers()) == 1
    query(
        database,
        "UPDATE inbound_messages SET inbound_message_id = uuidv7('-25 hours'::interval), keyword_reply_id = uuidv7() "
        "WHERE from_address = %(person)s AND keyword_reply_id IS NOT NULL",
        person=conversation.person,
    )
    conversation.write("STOP")
    assert len(conversation.answers()) == 2


def test_keywords_at_once_are_confirmed_once(conversation: Conversation, app: Flask) -> None:
    forms = [conversation.form(text) for text in ("STOP", "stop", "START", "Quit", "please stop", "END")]

    def post(form: dict[str, str]) -> int:
        return deliver(app.test_client(), form, public_url=PUBLIC_URL, token=TWILIO_TOKEN).status_code

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(post, forms)) == [200] * 6
    assert len(conversation.answers()) == 1
    assert conversation.is_opted_out()


def test_help_is_answered_once_a_day_beside_a_confirmation(conversation: Conversation) -> None:
    for text in ("STOP", "HELP", "INFO", "help"):
        conversation.write(text)

    assert len(conversation.answers()) == 2
    assert "For help" in conversation.answers()[1]
    assert len(conversation.claimed()) == 2


def test_the_texts_of_the_church_are_used(conversation: Conversation) -> None:
    conversation.answer_keywords(ReplyMode.ALL, opt_out_reply="Peace be with you.", help_reply="Call the office.")

    conversation.write("STOP")
    conversation.write("HELP")

    assert conversation.answers() == ["Peace be with you.", "Call the office."]


@pytest.mark.parametrize(
    ("mode", "text", "is_answered"),
    [
        (ReplyMode.NONE, "please stop", False),
        (ReplyMode.REMAINING, "STOP", False),
        (ReplyMode.REMAINING, " help ", False),
        (ReplyMode.REMAINING, "please stop", True),
        (ReplyMode.REMAINING, "AYUDA", True),
        (ReplyMode.ALL, "STOP", True),
    ],
)
def test_nobody_gets_two_answers(
    client: FlaskClient, database: Database, mode: ReplyMode, text: str, *, is_answered: bool
) -> None:
    conversation = Conversation(client, database, mode=mode)

    conversation.write(text)

    assert len(conversation.answers()) == int(is_answered)


def test_a_suspended_church_heeds_the_opt_out_and_sends_no_answer(
    conversation: Conversation, database: Database
) -> None:
    query(
        database,
        "UPDATE senders SET church_suspended = true WHERE church_id = %(church)s",
        church=conversation.church_id,
    )
    query(
        database,
        "UPDATE churches SET suspended_at = now(), suspended_reason = 'test' WHERE church_id = %(church)s",
        church=conversation.church_id,
    )

    conversation.write("STOP")

    assert conversation.is_opted_out()
    assert conversation.answers() == []


def test_a_messaging_service_finds_its_church(conversation: Conversation, database: Database) -> None:
    with system_scope(database) as connection:
        senders.save(
            connection,
            church_id=conversation.church_id,
            channel="sms",
            address=None,
            messaging_service_sid=SERVICE,
            segments_per_second=None,
        )

    conversation.write("STOP", To="+13039990001", MessagingServiceSid=SERVICE)

    assert conversation.is_opted_out()


def test_an_opt_out_holds_for_all_churches_that_share_the_number(
    conversation: Conversation, database: Database
) -> None:
    other = create_church(database, sender=conversation.number)

    conversation.write("STOP")

    for church in (conversation.church, other):
        with system_scope(database) as connection:
            assert opt_outs.get(connection, church_id=church.church_id, address=conversation.person) is not None
    assert len(conversation.stored()) == 1
    with system_scope(database) as connection:
        assert len(opt_outs.history(connection, church_id=other.church_id)) == 1


def owner_of_last(database: Database, person: str) -> UUID:
    [(church_id,)] = query(
        database,
        "SELECT church_id FROM inbound_messages WHERE from_address = %(person)s "
        "ORDER BY inbound_message_id DESC LIMIT 1",
        person=person,
    )
    return church_id


def text_to(database: Database, church: KnownChurch, person: str) -> None:
    """The church texted the person just now."""
    query(
        database,
        "WITH sent AS (INSERT INTO messages (church_id, channel, content, segments, target_type, target, "
        "request_hash, request_id, send_at, expanded_at) VALUES (%(church)s, 'sms', 'Amen', 1, 'all', '{}', '', 'r', "
        "clock_timestamp(), now()) RETURNING message_id, church_id) "
        "INSERT INTO deliveries (message_id, church_id, due_at, status, channel, address, attempts) "
        "SELECT message_id, church_id, now(), 'delivered', 'sms', %(person)s, 1 FROM sent",
        church=church.church_id,
        person=person,
    )


def test_a_reply_to_a_shared_number_belongs_to_the_church_that_texted_last(
    conversation: Conversation, database: Database
) -> None:
    first = conversation.church
    others = [create_church(database, sender=conversation.number) for _ in range(2)]

    conversation.write("Who is this?")
    assert owner_of_last(database, conversation.person) == first.church_id
    for church in (others[1], others[0], others[1], first):
        text_to(database, church, conversation.person)
        text_to(database, first, new_number())
        conversation.write("Thanks")
        assert owner_of_last(database, conversation.person) == church.church_id


def test_a_reply_to_a_shared_number_belongs_to_the_church_of_the_contact_if_none_texted(
    conversation: Conversation, database: Database
) -> None:
    other = create_church(database, sender=conversation.number)
    query(
        database,
        "INSERT INTO contacts (church_id, name, phone) VALUES (%(church)s, 'Ruth', %(person)s)",
        church=other.church_id,
        person=conversation.person,
    )

    conversation.write("Hello")

    assert owner_of_last(database, conversation.person) == other.church_id
