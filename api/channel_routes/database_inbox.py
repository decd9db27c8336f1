"""Implements channels.incoming.Inbox: stores what people write, acts on keywords, and answers those.

Each message is one transaction, with the opt-out and the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

import logs
from api import direct_texts
from api.request_ids import request_id
from api.services import Services
from channels.incoming import InboundMessage
from channels.registry import CHANNELS
from messaging.consent_keywords import Keyword, KeywordKind, find_keyword
from messaging.keyword_replies import is_answered
from metrics.definitions import INBOUND_MESSAGES
from store import inbox, keyword_replies, opt_outs
from store.database import system_scope
from store.direct_texts import DirectText, NewDirectText, lock_person
from store.inbox import Addressees, NewInboundMessage
from store.messages import NoSender
from store.suspensions import ChurchSuspended

ORDER_UNKNOWN_SECONDS = 2.0
"""START does not lift an opt-out that is younger: two messages of the same moment may arrive in any order."""

_URGENT_REASON = "answers a keyword of the person"

_log = logs.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Received:
    """What became of a message."""

    outcome: str
    """`reply` or the kind of the keyword; `repeated` or `no church` if nothing was stored."""
    addressees: Addressees | None = None
    answer: _Answer | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """The text that answers a keyword."""

    new: NewDirectText
    written: DirectText


class DatabaseInbox:
    """The Inbox of the routes of one channel of an app."""

    def __init__(self, services: Services, *, channel: str) -> None:
        self._services = services
        self._channel = channel

    def receive(self, message: InboundMessage) -> None:
        with system_scope(self._services.database) as connection:
            received = self._receive(connection, message)
        if received.answer is not None:
            direct_texts.enqueue_direct_text(received.answer.written, received.answer.new)
        self._services.measurements.count(INBOUND_MESSAGES, message.channel, received.outcome)
        self._report(message, received)

    def _receive(self, connection: Connection[Any], message: InboundMessage) -> _Received:
        lock_person(connection, address=message.sender)
        addressees = inbox.find_addressees(
            connection,
            to_address=message.to,
            messaging_service_sid=message.messaging_service_sid,
            from_address=message.sender,
        )
        if addressees is None:
            return _Received(outcome="no church")
        keyword = _keyword_of(connection, message, addressees)
        inbound_message_id = inbox.insert(connection, _stored(message, addressees.owner, keyword))
        if inbound_message_id is None:
            return _Received(outcome="repeated", addressees=addressees)
        if keyword is None:
            return _Received(outcome="reply", addressees=addressees)
        has_effect = _apply(connection, message, keyword, addressees, inbound_message_id=inbound_message_id)
        answer = None
        if has_effect:
            answer = self._answer(connection, message, keyword, church_id=addressees.owner, answers=inbound_message_id)
        return _Received(outcome=keyword.kind.value, addressees=addressees, answer=answer)

    def _answer(
        self, connection: Connection[Any], message: InboundMessage, keyword: Keyword, *, church_id: UUID, answers: UUID
    ) -> _Answer | None:
        """Write the answer, unless the carrier answers, the church wants none, or one was sent within a day."""
        replies = keyword_replies.get(connection, church_id)
        if replies is None or not is_answered(
            replies.mode,
            carrier_answered=message.carrier_keyword is not None,
            carrier_answers_by_default=message.carrier_answers_by_default,
        ):
            return None
        if inbox.was_answered(connection, from_address=message.sender, to_address=message.to, kind=keyword.kind):
            return None
        content = replies.text(keyword.kind)
        new = NewDirectText(
            church_id=church_id,
            channel=self._channel,
            kind="confirmation",
            address=message.sender,
            content=content,
            segments=CHANNELS[self._channel].count_segments(content),
            idempotency_key=f"keyword {answers}",
            request_id=request_id(),
            urgent_reason=_URGENT_REASON,
        )
        try:
            with connection.transaction():  # a savepoint: the keyword takes effect in any case
                written = direct_texts.write_direct_text(connection, new)
        except (ChurchSuspended, NoSender) as error:
            _log.info("keyword not answered", church_id=str(church_id), reason=type(error).__name__)
            return None
        inbox.set_keyword_reply(connection, inbound_message_id=answers, message_id=written.message.message_id)
        return _Answer(new=new, written=written)

    def _report(self, message: InboundMessage, received: _Received) -> None:
        if received.addressees is None:
            _log.warning(
                "inbound message to an address of no church",
                channel=message.channel,
                to=message.to,
                carrier_id=message.carrier_id,
            )
            return
        _log.info(
            "inbound message received",
            channel=message.channel,
            church_id=str(received.addressees.owner),
            churches=len(received.addressees.church_ids),
            outcome=received.outcome,
            answered=received.answer is not None,
        )


def _keyword_of(connection: Connection[Any], message: InboundMessage, addressees: Addressees) -> Keyword | None:
    """Return what the message asks for. What the carrier recognized is decisive: it has acted on it already."""
    found = find_keyword(message.text)
    if message.carrier_keyword is not None:
        words = found.words if found is not None else "recognized by the carrier"
        return Keyword(kind=message.carrier_keyword, words=words)
    if found is not None and found.only_if_opted_out and not _is_opted_out(connection, message, addressees):
        return None
    return found


def _apply(
    connection: Connection[Any],
    message: InboundMessage,
    keyword: Keyword,
    addressees: Addressees,
    *,
    inbound_message_id: UUID,
) -> bool:
    """Do what the keyword asks for. Returns False if it must not be confirmed: it did not lift a recent opt-out."""
    if keyword.kind is KeywordKind.OPT_OUT:
        opt_outs.opt_out_of_churches(
            connection,
            church_ids=addressees.church_ids,
            address=message.sender,
            source=opt_outs.KEYWORD,
            evidence=keyword.words,
            channel=message.channel,
            inbound_message_id=inbound_message_id,
        )
    elif keyword.kind is KeywordKind.OPT_IN:
        opt_outs.opt_in_by_keyword(
            connection,
            church_ids=addressees.church_ids,
            address=message.sender,
            senders=addressees.senders,
            evidence=keyword.words,
            channel=message.channel,
            inbound_message_id=inbound_message_id,
            settled_seconds=ORDER_UNKNOWN_SECONDS,
        )
        return not _is_opted_out(connection, message, addressees)
    return True


def _is_opted_out(connection: Connection[Any], message: InboundMessage, addressees: Addressees) -> bool:
    return opt_outs.is_opted_out(
        connection, church_ids=addressees.church_ids, address=message.sender, senders=addressees.senders
    )


def _stored(message: InboundMessage, church_id: UUID, keyword: Keyword | None) -> NewInboundMessage:
    return NewInboundMessage(
        church_id=church_id,
        channel=message.channel,
        carrier_id=message.carrier_id,
        from_address=message.sender,
        to_address=message.to,
        content=message.text,
        media=[{"url": each.url, "contentType": each.content_type} for each in message.media],
        keyword=None if keyword is None else keyword.kind,
    )
