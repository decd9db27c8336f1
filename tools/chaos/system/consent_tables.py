"""Reads what the product stored of people's texts and consent, and logs when it claims or suppresses each delivery.

The log is a table with a trigger of the fault run, not of the product. Each of its rows commits with the claim itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString, TypeVar

import psycopg
from psycopg.rows import class_row

_INSTALL_LOG = """
CREATE SCHEMA fault_run;
CREATE TABLE fault_run.decisions (
    delivery_id uuid NOT NULL,
    attempt     int NOT NULL,
    status      text NOT NULL,
    began_at    timestamptz NOT NULL,
    decided_at  timestamptz NOT NULL,
    is_new      boolean NOT NULL,
    PRIMARY KEY (delivery_id, attempt, status)
);
CREATE FUNCTION fault_run.log_decision() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO fault_run.decisions
    VALUES (NEW.delivery_id, NEW.attempts, NEW.status, transaction_timestamp(), clock_timestamp(), TG_OP = 'INSERT')
    ON CONFLICT DO NOTHING; -- a claim may be extended
    RETURN NULL;
END
$$;
CREATE TRIGGER log_decision AFTER INSERT OR UPDATE OF status ON public.deliveries
FOR EACH ROW WHEN (NEW.status IN ('sending', 'suppressed')) EXECUTE FUNCTION fault_run.log_decision();
"""
_ANSWER_ALL = "UPDATE churches SET keyword_replies = 'all'"
_DECISIONS = """
SELECT delivery_id::text, attempt, status, extract(epoch FROM began_at)::float AS began_at,
       extract(epoch FROM decided_at)::float AS decided_at, is_new
FROM fault_run.decisions
"""
_INBOUND = """
SELECT church_id::text, carrier_id, from_address AS phone, content AS text, keyword, keyword_reply_id::text AS reply_id
FROM inbound_messages
"""
_CONSENT_EVENTS = """
SELECT consent_events.church_id::text, consent_events.address, consent_events.event, consent_events.source,
       inbound_messages.carrier_id
FROM consent_events
LEFT JOIN inbound_messages USING (inbound_message_id)
ORDER BY consent_event_id
"""
_OPT_OUTS = "SELECT church_id::text, address, source FROM opt_outs"

Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionRow:
    """That a delivery was claimed for an attempt, or suppressed. What the transaction read is between its two times."""

    delivery_id: str
    attempt: int
    status: str
    """`sending` or `suppressed`."""
    began_at: float
    """When the transaction began, in seconds since the epoch."""
    decided_at: float
    """When the row was written."""
    is_new: bool
    """Whether the delivery was written so. False: it was queued before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InboundMessageRow:
    church_id: str
    carrier_id: str
    phone: str
    text: str
    keyword: str | None
    reply_id: str | None
    """The message that answers it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsentEventRow:
    church_id: str
    address: str
    event: str
    source: str
    carrier_id: str | None
    """Of the text that caused it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOutRow:
    church_id: str
    address: str
    source: str


class ConsentTables:
    """As the superuser, who sees every church. Each method raises psycopg.Error."""

    def __init__(self, url: str) -> None:
        self._url = url

    def prepare(self) -> None:
        """Begin to log claims. Before the first delivery."""
        with psycopg.connect(self._url) as connection:
            connection.execute(_INSTALL_LOG)

    def answer_all_keywords(self) -> None:
        """Let each church answer STOP, START and HELP by itself, as with a carrier that answers nothing."""
        with psycopg.connect(self._url) as connection:
            connection.execute(_ANSWER_ALL)

    def decisions(self) -> list[DecisionRow]:
        return self._read(_DECISIONS, DecisionRow)

    def inbound_messages(self) -> list[InboundMessageRow]:
        return self._read(_INBOUND, InboundMessageRow)

    def consent_events(self) -> list[ConsentEventRow]:
        """In the order of their ids."""
        return self._read(_CONSENT_EVENTS, ConsentEventRow)

    def opt_outs(self) -> list[OptOutRow]:
        return self._read(_OPT_OUTS, OptOutRow)

    def _read(self, query: LiteralString, row_type: type[Row]) -> list[Row]:
        with psycopg.connect(self._url) as connection, connection.cursor(row_factory=class_row(row_type)) as cursor:
            return cursor.execute(query).fetchall()
