"""Fetching one message and listing messages."""

import json

from tools.sandbox.faults.injector import FaultInjector
from tools.sandbox.messages.errors import refuse
from tools.sandbox.messages.ledger import Ledger
from tools.sandbox.messages.listing import Query, read_query, select
from tools.sandbox.messages.message import Message
from tools.sandbox.messages.representation import Representation
from tools.sandbox.wire.form import first, read_form
from tools.sandbox.wire.reply import Reply, respond


class ReadMessages:
    """Answers fetch and list requests from the ledger."""

    def __init__(self, *, ledger: Ledger, representation: Representation) -> None:
        self._ledger = ledger
        self._representation = representation

    def fetch(self, sid: str, *, injector: FaultInjector | None) -> Reply:
        """Return the reply with one message."""
        message = self._ledger.find(sid)
        latency_seconds = 0.0
        if injector is not None:
            to = "" if message is None else message.to
            latency_seconds = injector.latency_seconds(to=to)
            if injector.happens("unreadable", to=to):
                return Reply(refuse(20500).payload, latency_seconds)
        if message is None:
            reply = refuse(20404, f"{self._representation.messages_path}/{sid}.json")
        else:
            reply = respond(200, self._representation.render(message).encode("ascii"))
        return Reply(reply.payload, latency_seconds)

    def list_page(self, query_string: bytes, *, injector: FaultInjector | None) -> Reply:
        """Return the reply with one page of the list."""
        form = read_form(query_string)
        latency_seconds = 0.0
        if injector is not None:
            latency_seconds = injector.latency_seconds(to=first(form, "To"))
            if injector.happens("unreadable", to=first(form, "To")):
                return Reply(refuse(20500).payload, latency_seconds)
        query = read_query(form)
        if isinstance(query, Reply):
            return Reply(query.payload, latency_seconds)
        unsent_unlisted = injector is not None and injector.faults.unsent_unlisted
        messages, more = select(self._ledger, query, leave_out_unsent=unsent_unlisted)
        body = self._page(query, messages, more=more)
        return Reply(respond(200, body.encode("ascii")).payload, latency_seconds)

    def _page(self, query: Query, messages: list[Message], *, more: bool) -> str:
        """Return a page in Twilio's format: https://www.twilio.com/docs/usage/twilios-response#response-formats-list-paging"""
        path = f"{self._representation.messages_path}.json"
        start = query.page * query.page_size
        next_page = query.page_url(path, page=query.page + 1, token=f"PA{messages[-1].sid}") if more else None
        facts = {
            "end": start + max(0, len(messages) - 1),
            "first_page_uri": query.page_url(path, page=0),
            "next_page_uri": next_page,
            "page": query.page,
            "page_size": query.page_size,
            "previous_page_uri": None,
            "start": start,
            "uri": query.page_url(path, page=query.page),
        }
        rows = ",".join(map(self._representation.render, messages))
        return f'{json.dumps(facts)[:-1]}, "messages": [{rows}]}}'
