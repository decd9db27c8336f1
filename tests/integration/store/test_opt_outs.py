"""Opt-outs and their lifting: effects on claims, concurrency, history."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest

from messaging.states import Status
from store import opt_outs
from store.database import system_scope
from tests.harness.waiting import wait_until
from tests.integration.store.ledger import Ledger, numbers

[RUTH] = numbers(1)


def opt_out(ledger: Ledger, church_id: UUID, source: str, *, address: str = RUTH) -> bool:
    with system_scope(ledger.database) as connection:
        return opt_outs.opt_out(connection, church_id=church_id, address=address, source=source)


def opt_in(ledger: Ledger, church_id: UUID) -> opt_outs.OptOut | None:
    with system_scope(ledger.database) as connection:
        return opt_outs.opt_in(connection, church_id=church_id, address=RUTH, source="command", evidence="asked for it")


def present(ledger: Ledger) -> list[tuple[str, str]]:
    return ledger.query("SELECT address, source FROM opt_outs ORDER BY address")


def history(ledger: Ledger) -> list[tuple[str, str, str | None]]:
    return ledger.query("SELECT event, source, lifted_source FROM consent_events ORDER BY consent_event_id")


def test_an_address_whose_opt_out_is_lifted_is_sent_to_at_the_next_claim(ledger: Ledger) -> None:
    church_id = ledger.church()
    waiting = ledger.send(church_id, [RUTH])
    opt_out(ledger, church_id, "command")

    opt_in(ledger, church_id)

    assert [envelope.address for envelope in ledger.claim(church_id).envelopes] == [RUTH]
    assert ledger.counts(waiting) == {Status.SENDING: 1}
    later = ledger.send(church_id, [RUTH])
    assert ledger.counts(later) == {Status.QUEUED: 1}


def test_a_second_stop_after_an_opt_in_opts_out_again(ledger: Ledger) -> None:
    church_id = ledger.church()
    opt_out(ledger, church_id, "keyword")
    opt_in(ledger, church_id)
    assert present(ledger) == []

    opt_out(ledger, church_id, "keyword")

    assert present(ledger) == [(RUTH, "keyword")]
    later = ledger.send(church_id, [RUTH])
    assert ledger.counts(later) == {Status.SUPPRESSED: 1}
    assert history(ledger) == [
        ("opt_out", "keyword", None),
        ("opt_in", "command", "keyword"),
        ("opt_out", "keyword", None),
    ]


def test_an_opt_out_by_a_person_replaces_a_bounce_and_not_the_other_way_round(ledger: Ledger) -> None:
    church_id = ledger.church()
    opt_out(ledger, church_id, "bounce")

    assert opt_out(ledger, church_id, "unsubscribe link")
    assert not opt_out(ledger, church_id, "bounce")
    assert not opt_out(ledger, church_id, "carrier")

    assert present(ledger) == [(RUTH, "unsubscribe link")]
    assert history(ledger) == [("opt_out", "bounce", None), ("opt_out", "unsubscribe link", None)]


def test_an_opt_out_during_an_opt_in_is_kept(ledger: Ledger) -> None:
    church_id = ledger.church()
    opt_out(ledger, church_id, "unsubscribe link")
    with system_scope(ledger.database) as lifting:
        opt_outs.opt_in(lifting, church_id=church_id, address=RUTH, source="command", evidence="asked for it")
        stop = threading.Thread(target=opt_out, args=(ledger, church_id, "unsubscribe link"))
        stop.start()
        wait_until(lambda: ledger.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'") != [])
    stop.join(timeout=10)

    assert present(ledger) == [(RUTH, "unsubscribe link")]
    assert [event for event, _, _ in history(ledger)] == ["opt_out", "opt_in", "opt_out"]


def test_lifting_an_opt_out_twice_leaves_one_event(ledger: Ledger) -> None:
    church_id = ledger.church()
    opt_out(ledger, church_id, "command")

    assert opt_in(ledger, church_id) is not None
    assert opt_in(ledger, church_id) is None

    assert [event for event, _, _ in history(ledger)] == ["opt_out", "opt_in"]


@pytest.mark.parametrize("source", ["unsubscribe link", "bounce", "command"])
def test_a_repeated_opt_out_is_in_the_history_once(ledger: Ledger, source: str) -> None:
    church_id = ledger.church()

    assert [opt_out(ledger, church_id, source), opt_out(ledger, church_id, source)] == [True, False]

    assert history(ledger) == [("opt_out", source, None)]
