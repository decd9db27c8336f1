"""A reply of the staff and the answer to a keyword of the same person, at the same moment: both are written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from messaging.consent_keywords import KeywordKind
from store import direct_texts, inbox
from store.database import system_scope
from store.direct_texts import DirectTextKind, NewDirectText, TextingRules
from store.inbox import NewInboundMessage
from tests.harness.waiting import wait_until
from tests.integration.store.ledger import Ledger, numbers

[ANN] = numbers(1)
RULES = TextingRules(segment_weight=1, keeps_quiet_hours=True, default_limit=1000, default_regions=("US",))
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def text_to_ann(church_id: UUID, kind: DirectTextKind) -> NewDirectText:
    return NewDirectText(
        church_id=church_id,
        channel="sms",
        kind=kind,
        address=ANN,
        content="Call the office.",
        segments=1,
        idempotency_key=None,
        request_id="r-1",
    )


def help_from_ann(church_id: UUID) -> NewInboundMessage:
    return NewInboundMessage(
        church_id=church_id,
        channel="sms",
        carrier_id="SM1",
        from_address=ANN,
        to_address="+15005550006",
        content="HELP",
        media=[],
        keyword=KeywordKind.HELP,
    )


def reply(ledger: Ledger, church_id: UUID) -> None:
    with system_scope(ledger.database) as connection:
        direct_texts.insert(connection, text_to_ann(church_id, "reply"), rules=RULES)


def test_a_reply_waits_for_the_answer_to_a_keyword_and_does_not_deadlock_with_it(ledger: Ledger) -> None:
    """A keyword has the conversation and needs the counts of the church; without a lock, a reply has the opposite."""
    church_id = ledger.church()

    with ThreadPoolExecutor(1) as staff:
        with system_scope(ledger.database) as connection:
            direct_texts.lock_person(connection, address=ANN)
            inbox.insert(connection, help_from_ann(church_id))
            replied = staff.submit(reply, ledger, church_id)
            wait_until(lambda: ledger.query(WAITING) != [], condition="the reply waits")
            direct_texts.insert(connection, text_to_ann(church_id, "confirmation"), rules=RULES)
        replied.result()

    assert ledger.query("SELECT kind FROM messages ORDER BY kind") == [("confirmation",), ("reply",)]
