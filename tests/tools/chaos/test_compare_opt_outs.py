"""Comparing what people wrote with what was sent to them: each violation is found in constructed rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tools.chaos.comparison.compare_inbound import compare_inbound
from tools.chaos.comparison.compare_opt_outs import compare_opt_outs
from tools.chaos.comparison.consent_periods import Consent, consent_history
from tools.chaos.comparison.findings import FindingKind
from tools.chaos.comparison.snapshot import Snapshot
from tools.chaos.system.consent_tables import ConsentEventRow, DecisionRow, InboundMessageRow, OptOutRow
from tools.chaos.system.environment import LEASE_SECONDS
from tools.chaos.system.product_tables import DeliveryRow, MessageRow
from tools.chaos.workload.churches import Church
from tools.chaos.workload.planned_writers import Words
from tools.chaos.workload.writers import WrittenText
from tools.sandbox.control import LedgerRow

ANN, CHURCH = "+12025550001", "c1"
STOPPED_AT, ANSWERED_AT = 100.0, 101.0


def written(words: Words, sent_at: float, answered_at: float | None, *, carrier_id: str = "") -> WrittenText:
    return WrittenText(
        church=0,
        phone=ANN,
        words=words,
        text=words.name,
        carrier_id=carrier_id or f"{words}@{sent_at:g}",
        sent_at=sent_at,
        answered_at=answered_at,
    )


STOP = written(Words.OPT_OUT, STOPPED_AT, ANSWERED_AT)
START = written(Words.OPT_IN, 110.0, 111.0)
REPLY = written(Words.REPLY, 120.0, 121.0)


def message(message_id: str, kind: str = "broadcast") -> MessageRow:
    return MessageRow(
        message_id=message_id,
        church_id=CHURCH,
        channel="sms",
        body="text",
        segments=1,
        subject=None,
        pictures=0,
        is_expanded=True,
        is_completed=True,
        due_at=0.0,
        schedule_id=None,
        kind=kind,
    )


def delivery(delivery_id: str, message_id: str, *, status: str = "delivered") -> DeliveryRow:
    return DeliveryRow(
        delivery_id=delivery_id,
        message_id=message_id,
        channel="sms",
        address=ANN,
        status=status,
        attempts=1,
        carrier_id=None,
        error_code=None,
        reason="opted out" if status == "suppressed" else None,
    )


def decision(delivery_id: str, *, at: float, status: str = "sending") -> DecisionRow:
    return DecisionRow(
        delivery_id=delivery_id, attempt=1, status=status, began_at=at, decided_at=at + 0.1, is_new=False
    )


def arrival(delivery_id: str, *, at: float) -> LedgerRow:
    return LedgerRow(
        number=1,
        sid=f"S{delivery_id}",
        to=ANN,
        sender="+12025550100",
        body="text",
        num_media=0,
        status="delivered",
        error_code=None,
        created_at=at,
        status_callback=f"http://127.0.0.1:1/callbacks/sms/{delivery_id}/1",
    )


def inbound(text: WrittenText, **changes: Any) -> InboundMessageRow:
    keyword = None if text.words is Words.REPLY else text.words.value
    row = InboundMessageRow(
        church_id=CHURCH,
        carrier_id=text.carrier_id,
        phone=ANN,
        text=text.text,
        keyword=keyword,
        reply_id="answer" if text is STOP else None,
    )
    return replace(row, **changes)


def event(text: WrittenText, name: str = "opt_out") -> ConsentEventRow:
    return ConsentEventRow(church_id=CHURCH, address=ANN, event=name, source="keyword", carrier_id=text.carrier_id)


OPT_OUT = OptOutRow(church_id=CHURCH, address=ANN, source="keyword")
GOOD = Snapshot(
    churches=[Church(church_id=CHURCH, key="", paces={})],
    accepted=[],
    schedules=[],
    runs=[],
    messages=[message("before"), message("after"), message("answer", "confirmation")],
    deliveries=[
        delivery("d1", "before"),
        delivery("d2", "after", status="suppressed"),
        delivery("d3", "answer"),
    ],
    ledger=[arrival("d1", at=101.5), arrival("d3", at=103.0)],
    mails=[],
    api_counts={},
    decisions=[
        decision("d1", at=99.0),
        decision("d2", at=102.0, status="suppressed"),
        decision("d3", at=102.5),
    ],
    written=[STOP],
    inbound=[inbound(STOP)],
    consent_events=[event(STOP)],
    opt_outs=[OPT_OUT],
)


def finding_kinds(snapshot: Snapshot) -> list[FindingKind]:
    return [finding.kind for finding in (*compare_opt_outs(snapshot), *compare_inbound(snapshot))]


def claims(**times: tuple[float, str]) -> list[DecisionRow]:
    """The log of GOOD with other rows for these deliveries."""
    changed = {name: decision(name, at=at, status=status) for name, (at, status) in times.items()}
    return [changed.get(each.delivery_id, each) for each in GOOD.decisions]


def test_nothing_is_found_if_texts_end_with_the_stop_but_for_one_confirmation() -> None:
    assert finding_kinds(GOOD) == []


CLAIMED_AFTER = {
    "deliveries": [GOOD.deliveries[0], delivery("d2", "after"), GOOD.deliveries[2]],
    "decisions": claims(d2=(ANSWERED_AT, "sending")),
}
CASES: dict[str, tuple[Mapping[str, Any], Sequence[FindingKind]]] = {
    "claimed when the STOP was answered": (CLAIMED_AFTER, [FindingKind.OPTED_OUT]),
    "claimed before, submitted too late": (
        {"ledger": [arrival("d1", at=ANSWERED_AT + LEASE_SECONDS + 0.1), GOOD.ledger[1]]},
        [FindingKind.OPTED_OUT],
    ),
    "suppressed before the STOP": ({"decisions": claims(d2=(99.0, "suppressed"))}, [FindingKind.LOST]),
    "the confirmation is suppressed": (
        {
            "deliveries": [*GOOD.deliveries[:2], delivery("d3", "answer", status="suppressed")],
            "decisions": claims(d3=(102.5, "suppressed")),
            "ledger": GOOD.ledger[:1],
        },
        [FindingKind.LOST],
    ),
    "the STOP is not stored": (
        {"inbound": [], "consent_events": [], "opt_outs": []},
        [FindingKind.LOST, FindingKind.LOST, FindingKind.LOST, FindingKind.MISMATCHED],
    ),
    "the STOP is stored twice": ({"inbound": [inbound(STOP), inbound(STOP)]}, [FindingKind.DOUBLED]),
    "the STOP is taken for a reply": ({"inbound": [inbound(STOP, keyword=None)]}, [FindingKind.MISMATCHED]),
    "the STOP is stored for another church": ({"inbound": [inbound(STOP, church_id="c2")]}, [FindingKind.MISMATCHED]),
    "a text that nobody wrote": (
        {"inbound": [inbound(STOP), inbound(written(Words.REPLY, 1.0, 2.0))]},
        [FindingKind.MISMATCHED],
    ),
    "no opt-out": ({"opt_outs": []}, [FindingKind.LOST]),
    "no history": ({"consent_events": []}, [FindingKind.LOST]),
    "the history has it twice": ({"consent_events": [event(STOP), event(STOP)]}, [FindingKind.MISMATCHED]),
    "an opt-out of somebody else": (
        {"opt_outs": [OPT_OUT, replace(OPT_OUT, address="+12025550009")]},
        [FindingKind.MISMATCHED],
    ),
    "no confirmation": (
        {
            "messages": GOOD.messages[:2],
            "deliveries": GOOD.deliveries[:2],
            "decisions": GOOD.decisions[:2],
            "ledger": GOOD.ledger[:1],
        },
        [FindingKind.LOST],
    ),
    "a second confirmation": (
        {
            "messages": [*GOOD.messages, message("m9", "confirmation")],
            "deliveries": [*GOOD.deliveries, delivery("d9", "m9")],
        },
        [FindingKind.DOUBLED, FindingKind.MISMATCHED],
    ),
    "an answer to somebody who wrote nothing": (
        {
            "messages": [*GOOD.messages, message("m9", "confirmation")],
            "deliveries": [*GOOD.deliveries, replace(delivery("d9", "m9"), address="+12025550009")],
            "inbound": [inbound(STOP), inbound(REPLY, reply_id="m9")],
            "written": [STOP, REPLY],
        },
        [FindingKind.MISMATCHED],
    ),
    "the START did not lift it": (
        {"written": [STOP, START], "inbound": [inbound(STOP), inbound(START)]},
        [FindingKind.LOST, FindingKind.MISMATCHED],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_violation_is_found(name: str) -> None:
    changes, kinds = CASES[name]
    assert finding_kinds(replace(GOOD, **changes)) == kinds


BACK = replace(
    GOOD,
    written=[STOP, START],
    inbound=[inbound(STOP), inbound(START)],
    consent_events=[event(STOP), event(START, "opt_in")],
    opt_outs=[],
)


def test_start_brings_the_person_back() -> None:
    later = {"deliveries": CLAIMED_AFTER["deliveries"], "ledger": [*GOOD.ledger, arrival("d2", at=113.0)]}
    assert finding_kinds(replace(BACK, **later, decisions=claims(d2=(112.0, "sending")))) == []
    assert finding_kinds(replace(BACK, decisions=claims(d2=(112.0, "suppressed")))) == [FindingKind.LOST]


@pytest.mark.parametrize("status", ["sending", "suppressed"])
@pytest.mark.parametrize("at", [STOPPED_AT - 0.05, STOPPED_AT + 0.5, ANSWERED_AT - 0.05, 109.95, 110.5, 110.95])
def test_while_a_text_is_under_way_either_is_right(at: float, status: str) -> None:
    deliveries = GOOD.deliveries if status == "suppressed" else CLAIMED_AFTER["deliveries"]
    assert finding_kinds(replace(BACK, deliveries=deliveries, decisions=claims(d2=(at, status)))) == []


@pytest.mark.parametrize(
    ("texts", "at_end", "events"),
    [
        pytest.param([STOP], Consent.OPTED_OUT, ["opt_out"], id="STOP"),
        pytest.param([STOP, written(Words.OPT_OUT, 105.0, 106.0)], Consent.OPTED_OUT, ["opt_out"], id="STOP twice"),
        pytest.param([STOP, START], Consent.OPTED_IN, ["opt_out", "opt_in"], id="START"),
        pytest.param(
            [STOP, START, written(Words.OPT_OUT, 120.0, 121.0)],
            Consent.OPTED_OUT,
            ["opt_out", "opt_in", "opt_out"],
            id="STOP after START",
        ),
        pytest.param([STOP, written(Words.OPT_IN, 101.1, 101.2)], Consent.OPTED_OUT, ["opt_out"], id="START too soon"),
        pytest.param([STOP, written(Words.OPT_IN, 101.1, 104.0)], Consent.UNKNOWN, None, id="START perhaps too soon"),
        pytest.param([written(Words.OPT_OUT, 100.0, None)], Consent.UNKNOWN, None, id="STOP never answered"),
        pytest.param([STOP, written(Words.OPT_IN, 110.0, None)], Consent.UNKNOWN, None, id="START never answered"),
        pytest.param([written(Words.OPT_IN, 1.0, 2.0)], Consent.OPTED_IN, [], id="START of somebody opted in"),
        pytest.param(
            [written(Words.HELP, 1.0, 2.0), written(Words.REPLY, 3.0, 4.0)], Consent.OPTED_IN, [], id="others"
        ),
    ],
)
def test_what_holds_after_the_texts_of_a_person(
    texts: Sequence[WrittenText], at_end: Consent, events: Sequence[str] | None
) -> None:
    history = consent_history(texts)
    assert history.at_end is at_end
    assert (None if history.events is None else [name for name, _ in history.events]) == events
