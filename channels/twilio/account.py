"""Reads the account at Twilio: its state, its numbers and services, and their registration for texts in the US.

Nothing is changed. https://www.twilio.com/docs/usage/api names each resource; the docstrings below link to them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from channels.twilio.connection_pool import ConnectFailed, NoResponse
from channels.twilio.transport import PooledTransport, TooManyRequests
from settings import Settings

TIMEOUT_SECONDS = 10.0
PAGE_SIZE = 1000
MOST_LISTED = 20_000
"""The most numbers, services or verifications that are read."""
_AT_ONCE = 10
_NOT_FOUND = 404

T = TypeVar("T")
_Item = TypeVar("_Item")


class AccountUnreadable(Exception):
    """Twilio refused the request or did not answer. `refused_credentials`: SID or token are wrong."""

    def __init__(self, message: str, *, refused_credentials: bool = False) -> None:
        super().__init__(message)
        self.refused_credentials = refused_credentials


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountState:
    status: str
    """`active`, `suspended` or `closed`."""
    type: str
    """`Full` or `Trial`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountNumber:
    sid: str
    number: str
    """In E.164."""
    can_text: bool
    can_send_pictures: bool


class TwilioAccount:
    """The account of the settings. Every method raises AccountUnreadable; none waits longer than a few timeouts."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def fetch_state(self) -> AccountState:
        """https://www.twilio.com/docs/iam/api/account#fetch-an-account-resource"""

        async def fetch(client: Client) -> AccountState:
            account = await client.api.v2010.accounts(self._settings.twilio_account_sid).fetch_async()
            return AccountState(status=str(account.status), type=str(account.type))

        return self._run(fetch)

    def fetch_balance(self) -> tuple[str, str] | None:
        """Return the amount and its currency; None for a subaccount, which has none of its own.

        https://www.twilio.com/docs/usage/api/balance-resource
        """

        async def fetch(client: Client) -> tuple[str, str] | None:
            account = client.api.v2010.accounts(self._settings.twilio_account_sid)
            balance = await _or_none(account.balance.fetch_async())
            if balance is None or balance.balance is None:
                return None
            return balance.balance, str(balance.currency)

        return self._run(fetch)

    def list_numbers(self) -> dict[str, AccountNumber]:
        """Return the account's numbers, by number.

        https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource#read-multiple-incomingphonenumber-resources
        """

        async def fetch(client: Client) -> dict[str, AccountNumber]:
            listed = await client.incoming_phone_numbers.list_async(page_size=PAGE_SIZE, limit=MOST_LISTED)
            return {number.number: number for number in map(_account_number, listed)}

        return self._run(fetch)

    def find_numbers(self, numbers: Sequence[str]) -> dict[str, AccountNumber]:
        """Look each of these up by itself, and return those that the account has, by number."""

        async def fetch(client: Client) -> dict[str, AccountNumber]:
            async def find(number: str) -> list[Any]:
                return await client.incoming_phone_numbers.list_async(phone_number=number, limit=1)

            found = await _all(find, numbers)
            return {number.number: number for number in (_account_number(item) for items in found for item in items)}

        return self._run(fetch)

    def find_services(self, sids: Iterable[str]) -> set[str]:
        """Return those of the messaging services that exist.

        https://www.twilio.com/docs/messaging/api/service-resource#fetch-a-service-resource
        """

        async def fetch(client: Client) -> set[str]:
            found = await _all(lambda sid: _or_none(client.messaging.v1.services(sid).fetch_async()), list(sids))
            return {str(service.sid) for service in found if service is not None}

        return self._run(fetch)

    def list_registered_services(self) -> list[str]:
        """Return the messaging services that have a campaign for US numbers (A2P 10DLC), approved or not.

        https://www.twilio.com/docs/messaging/api/service-resource#read-multiple-service-resources
        """

        async def fetch(client: Client) -> list[str]:
            services = await client.messaging.v1.services.list_async(page_size=PAGE_SIZE, limit=MOST_LISTED)
            return [str(service.sid) for service in services if service.us_app_to_person_registered]

        return self._run(fetch)

    def fetch_campaigns(self, service_sids: Sequence[str]) -> dict[str, str]:
        """Return the status of the campaign of each service that has one: PENDING, IN_PROGRESS, VERIFIED, FAILED …

        https://www.twilio.com/docs/messaging/api/usapptoperson-resource
        """

        async def fetch(client: Client) -> dict[str, str]:
            async def statuses(sid: str) -> list[Any]:
                return await client.messaging.v1.services(sid).us_app_to_person.list_async(limit=20)

            campaigns = await _all(statuses, service_sids)
            return {sid: _best(found) for sid, found in zip(service_sids, campaigns, strict=True) if found}

        return self._run(fetch)

    def list_service_numbers(self, service_sids: Sequence[str]) -> dict[str, set[str]]:
        """Return the numbers in the sender pool of each service.

        https://www.twilio.com/docs/messaging/api/phonenumber-resource
        """

        async def fetch(client: Client) -> dict[str, set[str]]:
            async def pool(sid: str) -> list[Any]:
                numbers = client.messaging.v1.services(sid).phone_numbers
                return await numbers.list_async(page_size=PAGE_SIZE, limit=MOST_LISTED)

            pools = await _all(pool, service_sids)
            return {
                sid: {str(item.phone_number) for item in items} for sid, items in zip(service_sids, pools, strict=True)
            }

        return self._run(fetch)

    def list_toll_free_statuses(self) -> Mapping[str, str]:
        """Return the status of each toll-free verification, by the sid of the number.

        PENDING_REVIEW, IN_REVIEW, TWILIO_APPROVED or TWILIO_REJECTED:
        https://www.twilio.com/docs/messaging/api/tollfree-verification-resource
        """

        async def fetch(client: Client) -> dict[str, str]:
            verifications = client.messaging.v1.tollfree_verifications
            listed = await verifications.list_async(page_size=PAGE_SIZE, limit=MOST_LISTED)
            return {str(each.tollfree_phone_number_sid): str(each.status) for each in listed}

        return self._run(fetch)

    def _run(self, fetch: Callable[[Client], Awaitable[T]]) -> T:
        async def with_client() -> T:
            transport = _AccountTransport(self._settings.twilio_api_base_url)
            token = self._settings.twilio_auth_token.get_secret_value()
            try:
                return await fetch(Client(self._settings.twilio_account_sid, token, http_client=transport))
            finally:
                transport.close()

        try:
            return asyncio.run(with_client())
        except (TwilioRestException, TwilioServiceException) as error:
            refused = error.status in (401, 403)
            raise AccountUnreadable(
                f"Twilio refuses the request ({error.status}, code {error.code})", refused_credentials=refused
            ) from error
        except TooManyRequests as error:
            raise AccountUnreadable("Twilio limits the rate of requests at the moment") from error
        except (ConnectFailed, NoResponse) as error:
            raise AccountUnreadable(f"Twilio cannot be reached ({error})") from error


class _AccountTransport(AsyncHttpClient):
    """Two hosts: the API of 2010, and that of messaging services. Another carrier than Twilio has one for both."""

    def __init__(self, base_url: str) -> None:
        super().__init__(logging.getLogger("twilio"), is_async=True)
        self._api = _transport(base_url)
        messaging_url = messaging_base_url(base_url)
        self._messaging = self._api if messaging_url == base_url else _transport(messaging_url)

    async def request(self, method: str, url: str, *arguments: Any, **options: Any) -> Response:  # pyright: ignore[reportIncompatibleMethodOverride]
        is_messaging = (urlsplit(url).hostname or "").startswith("messaging.")
        return await (self._messaging if is_messaging else self._api).request(method, url, *arguments, **options)

    def close(self) -> None:
        self._api.close()
        self._messaging.close()


def messaging_base_url(base_url: str) -> str:
    """Return where messaging services are read: messaging.twilio.com for api.twilio.com, otherwise the same address."""
    address = urlsplit(base_url)
    host = address.netloc
    if host.startswith("api.") and host.endswith("twilio.com"):
        return address._replace(netloc="messaging." + host.removeprefix("api.")).geturl()
    return base_url


def _transport(base_url: str) -> PooledTransport:
    return PooledTransport(base_url=base_url, connections=_AT_ONCE, timeout_seconds=TIMEOUT_SECONDS)


async def _all(read: Callable[[str], Awaitable[_Item]], names: Sequence[str]) -> list[_Item]:
    """Read all, a few at a time, in the order of `names`."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def limited(name: str) -> _Item:
        async with limit:
            return await read(name)

    return list(await asyncio.gather(*(limited(name) for name in names)))


async def _or_none(reading: Awaitable[_Item]) -> _Item | None:
    """Return what is read; None if it does not exist."""
    try:
        return await reading
    except (TwilioRestException, TwilioServiceException) as error:
        if error.status == _NOT_FOUND:
            return None
        raise


def _account_number(item: Any) -> AccountNumber:
    capabilities: dict[str, object] = item.capabilities or {}
    return AccountNumber(
        sid=str(item.sid),
        number=str(item.phone_number),
        can_text=bool(capabilities.get("sms", capabilities.get("SMS"))),
        can_send_pictures=bool(capabilities.get("mms", capabilities.get("MMS"))),
    )


def _best(campaigns: Sequence[Any]) -> str:
    """Return VERIFIED if a campaign has it, otherwise the status of the first."""
    statuses = [str(campaign.campaign_status) for campaign in campaigns]
    return "VERIFIED" if "VERIFIED" in statuses else statuses[0]
