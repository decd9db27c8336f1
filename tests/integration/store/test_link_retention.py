"""The URLs of links are removed with the text of their message, and the links when they have expired too."""

from __future__ import annotations

from uuid import UUID

from messaging.links import new_code
from messaging.states import Status
from store import links, retention
from store.database import church_scope, system_scope
from store.messages import Message
from store.retention import Doubts
from tests.integration.api.messages_in_progress import message_with
from tests.integration.store.ledger import Ledger
from tests.integration.store.old_messages import age

NO_DOUBTS = Doubts(since_by_church={})


def with_link(ledger: Ledger, church_id: UUID, message: Message) -> str:
    """Store a link of the message, clicked once, and return its code."""
    code = new_code()
    with church_scope(ledger.database, church_id) as connection:
        urls = {f"https://s.example/l/{code}": "https://a.example/?member=ruth"}
        links.set_of_message(connection, church_id=church_id, message_id=message.message_id, urls=urls, send_at=None)
    ledger.query("UPDATE links SET clicks = 1")
    return code


def prune(ledger: Ledger) -> int:
    """Redact old messages, and delete dead links. Return how many links were deleted."""
    for redact in (retention.redact_deliveries, retention.redact_messages):
        with system_scope(ledger.database) as connection:
            redact(connection, kept_days=60, doubts=NO_DOUBTS, limit=100)
    with system_scope(ledger.database) as connection:
        return links.delete_dead(connection, limit=100)


def test_the_url_is_removed_with_the_text_and_the_clicks_stay(ledger: Ledger) -> None:
    church = ledger.church()
    message = age(ledger, message_with(ledger, church, {Status.DELIVERED: 1}), days=61)
    code = with_link(ledger, church, message)

    assert prune(ledger) == 0

    assert links.find(ledger.database, code) == links.FoundLink(url=None, works=False)
    assert ledger.query("SELECT url, clicks FROM links") == [(None, 1)]


def test_links_of_other_messages_stay(ledger: Ledger) -> None:
    church = ledger.church()
    age(ledger, message_with(ledger, church, {Status.DELIVERED: 1}), days=61)
    recent = age(ledger, message_with(ledger, church, {Status.DELIVERED: 1}), days=59)
    code = with_link(ledger, church, recent)

    prune(ledger)

    assert links.find(ledger.database, code) == links.FoundLink(url="https://a.example/?member=ruth", works=True)


def test_a_link_is_deleted_when_it_has_expired_and_its_url_is_removed(ledger: Ledger) -> None:
    church = ledger.church()
    message = message_with(ledger, church, {Status.DELIVERED: 1})
    code = with_link(ledger, church, message)
    ledger.query("UPDATE links SET expires_at = now()")
    assert prune(ledger) == 0
    assert links.find(ledger.database, code) is not None

    age(ledger, message, days=61)

    assert prune(ledger) == 1
    assert links.find(ledger.database, code) is None
