"""The list of messages, read with the official library."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from raw_http import create_request, unanswered
from twilio.base.exceptions import TwilioException
from twilio.rest import Client
from twilio_clients import async_client

from tests.harness.waiting import wait_until
from tools.sandbox.control import Faults, Sandbox

SENDER = "+15005550006"
OTHER_SENDER = "+12025550199"


@pytest.fixture
def sids(client: Client) -> list[str]:
    """25 messages, newest first: every fifth to the same number, every second from the other sender."""
    sent = [
        client.messages.create(
            to="+15551239999" if n % 5 == 0 else f"+1555123{n:04d}",
            from_=OTHER_SENDER if n % 2 else SENDER,
            body=f"Message {n}",
        )
        for n in range(25)
    ]
    return [str(message.sid) for message in reversed(sent)]


def test_pages_are_listed_newest_first(client: Client, sids: list[str]) -> None:
    assert [message.sid for message in client.messages.list(page_size=10)] == sids
    assert [message.sid for message in client.messages.list(page_size=25)] == sids
    assert [message.sid for message in client.messages.list(limit=7, page_size=3)] == sids[:7]


def test_the_asynchronous_client_reads_pages(carrier: Sandbox, sids: list[str]) -> None:
    async def read() -> tuple[list[str | None], list[str | None]]:
        async with async_client(carrier.base_url) as client:
            listed = await client.messages.list_async(page_size=10)
            streamed = [message async for message in await client.messages.stream_async(page_size=4)]
            return [message.sid for message in listed], [message.sid for message in streamed]

    listed, streamed = asyncio.run(read())

    assert listed == sids
    assert streamed == sids


def test_new_messages_do_not_shift_the_pages(client: Client, sids: list[str]) -> None:
    page = client.messages.page(page_size=10)
    client.messages.create(to="+15551230000", from_=SENDER, body="One more")

    following = page.next_page()

    assert following is not None
    assert [message.sid for message in following] == sids[10:20]


def test_filters_apply_to_every_page(client: Client, sids: list[str]) -> None:
    to_one = client.messages.list(to="+15551239999", page_size=2)
    from_other = client.messages.list(from_=OTHER_SENDER, page_size=5)

    assert [message.body for message in to_one] == [f"Message {n}" for n in (20, 15, 10, 5, 0)]
    assert len(from_other) == 12
    assert {message.from_ for message in from_other} == {OTHER_SENDER}
    assert client.messages.list(to="+15551238888") == []


def test_dates_filter_by_day_and_by_second(client: Client, carrier: Sandbox, sids: list[str]) -> None:
    now, hour = datetime.now(UTC), timedelta(hours=1)
    carrier.wait_until_quiet()

    def count(**dates: Any) -> int:
        return len(client.messages.list(**dates))

    assert count(date_sent_after=now - hour, date_sent_before=now + hour) == 25
    assert count(date_sent_after=now + hour) == 0
    assert count(date_sent_before=now - hour) == 0
    assert count(date_sent_after=(now - timedelta(minutes=1)), to="+15551239999") == 5
    assert count(date_sent="1999-12-31") == 0
    first = client.messages.list(limit=1)[0].date_sent
    assert isinstance(first, datetime)
    assert count(date_sent=first.date().isoformat()) >= 1
    assert count(date_sent_before=date(1999, 12, 31).isoformat()) == 0
    assert count(date_sent_after=first.date().isoformat()) >= 1


def test_an_unsent_message_is_listed_unless_a_fault_hides_it(client: Client, carrier: Sandbox) -> None:
    carrier.set_faults(Faults(latency_ms=3_600_000, only_to="+15551230001"))  # delays its statuses too
    with unanswered(carrier.base_url, create_request("15551230001")):
        wait_until(lambda: len(carrier.ledger()) == 1)
        carrier.clear_faults()
        yesterday = datetime.now(UTC) - timedelta(days=1)
        assert len(client.messages.list(date_sent_after=yesterday)) == 1

        carrier.set_faults(Faults(unsent_unlisted=True))
        assert client.messages.list(date_sent_after=yesterday) == []
        assert len(client.messages.list()) == 1

        client.messages.create(to="+15551230002", from_=SENDER, body="Hello")
        wait_until(lambda: carrier.ledger()[1].status == "delivered")
        assert [message.to for message in client.messages.list(date_sent_after=yesterday)] == ["+15551230002"]


@pytest.mark.parametrize("page_size", [1001, 5000])
def test_a_page_that_is_too_large_is_refused(carrier: Sandbox, client: Client, page_size: int) -> None:
    with pytest.raises(TwilioException):
        client.messages.page(page_size=page_size)


def test_a_page_may_have_a_thousand_messages(client: Client, sids: list[str]) -> None:
    assert len(list(client.messages.page(page_size=1000))) == 25


@pytest.mark.parametrize("query", ["DateSent=tomorrow", "PageToken=PAnonsense!", "PageSize=-1", "Page=x"])
def test_invalid_parameters_are_refused(carrier: Sandbox, client: Client, query: str) -> None:
    response = client.http_client.session.get(  # type: ignore[attr-defined]
        f"{carrier.base_url}/2010-04-01/Accounts/{client.account_sid}/Messages.json?{query}", auth=client.auth
    )

    assert (response.status_code, response.json()["code"]) == (400, 20001)
