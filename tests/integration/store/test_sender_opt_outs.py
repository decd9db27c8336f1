"""Opt-outs that the carrier keeps for one sender: claims and expansion heed them, for that sender only."""

from __future__ import annotations

from uuid import UUID

from messaging.states import Status
from messaging.submissions import Sender
from store import opt_outs, senders
from store.database import system_scope
from store.opt_outs import SenderRefusal
from tests.integration.store.ledger import Ledger, numbers, together

RUTH, NAOMI = numbers(2)
NUMBER = "+15005550006"
SERVICE = "MG" + "a" * 32


def refuse(ledger: Ledger, church_id: UUID, *addresses: str, sender: str = NUMBER) -> None:
    """The carrier refuses to send to these addresses from the number."""
    used = Sender(address=NUMBER, messaging_service_sid=None if sender == NUMBER else sender)
    refusals = [SenderRefusal(church_id=church_id, address=address, sender=used) for address in addresses]
    with system_scope(ledger.database) as connection:
        opt_outs.opt_out_of_senders(connection, refusals, channel="sms")


def use_sender(ledger: Ledger, church_id: UUID, *, address: str | None = None, service: str | None = None) -> None:
    with system_scope(ledger.database) as connection:
        senders.save(
            connection,
            church_id=church_id,
            channel="sms",
            address=address,
            messaging_service_sid=service,
            segments_per_second=None,
        )


def listed(ledger: Ledger, church_id: UUID) -> list[tuple[str, str, str | None]]:
    with system_scope(ledger.database) as connection:
        found = opt_outs.list_opt_outs(connection, church_id=church_id)
    return [(each.address, each.source, each.sender) for each in found]


def claimed(ledger: Ledger, church_id: UUID) -> list[str]:
    return [envelope.address for envelope in ledger.claim(church_id).envelopes]


def test_the_claim_suppresses_whom_the_carrier_refuses_for_the_sender(ledger: Ledger) -> None:
    church_id = ledger.church()
    waiting = ledger.send(church_id, [RUTH, NAOMI])

    refuse(ledger, church_id, RUTH)

    assert claimed(ledger, church_id) == [NAOMI]
    assert ledger.counts(waiting) == {Status.SENDING: 1, Status.SUPPRESSED: 1}


def test_the_audience_written_afterwards_is_suppressed_too(ledger: Ledger) -> None:
    church_id = ledger.church()
    refuse(ledger, church_id, RUTH)

    message = ledger.send(church_id, [RUTH, NAOMI])

    assert ledger.counts(message) == {Status.QUEUED: 1, Status.SUPPRESSED: 1}


def test_it_holds_for_that_sender_only(ledger: Ledger) -> None:
    church_id = ledger.church()
    refuse(ledger, church_id, RUTH)
    use_sender(ledger, church_id, address="+12025550199")

    message = ledger.send(church_id, [RUTH])

    assert ledger.counts(message) == {Status.QUEUED: 1}
    assert claimed(ledger, church_id) == [RUTH]
    use_sender(ledger, church_id, address=NUMBER)
    assert ledger.counts(ledger.send(church_id, [RUTH])) == {Status.SUPPRESSED: 1}


def test_a_messaging_service_is_a_sender_of_its_own_also_beside_a_number(ledger: Ledger) -> None:
    church_id = ledger.church()
    use_sender(ledger, church_id, address=NUMBER, service=SERVICE)
    refuse(ledger, church_id, RUTH)
    refuse(ledger, church_id, NAOMI, sender=SERVICE)

    assert ledger.counts(ledger.send(church_id, [RUTH, NAOMI])) == {Status.QUEUED: 1, Status.SUPPRESSED: 1}
    assert claimed(ledger, church_id) == [RUTH]


def test_another_church_is_not_concerned(ledger: Ledger) -> None:
    church_id, other = ledger.church(), ledger.church()
    refuse(ledger, church_id, RUTH)

    assert ledger.counts(ledger.send(other, [RUTH])) == {Status.QUEUED: 1}


def test_it_is_recorded_once_and_listed_with_its_sender(ledger: Ledger) -> None:
    church_id = ledger.church()

    for _ in range(2):
        refuse(ledger, church_id, RUTH, RUTH)

    assert listed(ledger, church_id) == [(RUTH, "carrier", NUMBER)]
    [event] = ledger.query("SELECT event, source, channel, sender, actor FROM consent_events")
    assert event == ("opt_out", "carrier", "sms", NUMBER, None)


def test_an_opt_in_lifts_both_kinds_and_records_both(ledger: Ledger) -> None:
    church_id = ledger.church()
    refuse(ledger, church_id, RUTH)
    ledger.opt_out(church_id, RUTH)

    with system_scope(ledger.database) as connection:
        lifted = opt_outs.opt_in(connection, church_id=church_id, address=RUTH, source="command", evidence="asked")

    assert lifted is not None
    assert (lifted.source, lifted.sender) == ("test", None)
    assert listed(ledger, church_id) == []
    events = ledger.query("SELECT lifted_source, sender FROM consent_events WHERE event = 'opt_in' ORDER BY sender")
    assert events == [("carrier", NUMBER), ("test", None)]
    assert ledger.counts(ledger.send(church_id, [RUTH])) == {Status.QUEUED: 1}


def test_concurrent_batches_with_the_same_refusals_do_not_deadlock(ledger: Ledger) -> None:
    church_id = ledger.church()
    many = numbers(2000)

    for _ in range(5):
        ledger.query("DELETE FROM sender_opt_outs")
        together(2, lambda number: refuse(ledger, church_id, *(many if number else reversed(many))))

    assert ledger.query("SELECT count(*) FROM sender_opt_outs") == [(2000,)]
