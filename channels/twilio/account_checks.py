"""Checks the account at Twilio and every sender that a church has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation

from channels.check_steps import CheckFailed, CheckSkipped, CheckWarning, SenderToCheck
from channels.twilio.account import AccountNumber, AccountState, AccountUnreadable, TwilioAccount

LOW_BALANCE = Decimal(20)
"""In the account's currency."""
_SHOWN = 5
_TOLL_FREE = re.compile(r"\+1(800|833|844|855|866|877|888)\d{7}")
_US_LONG_CODE = re.compile(r"\+1\d{10}")
_VERIFIED, _APPROVED = "VERIFIED", "TWILIO_APPROVED"


class AccountChecks:
    """The steps in the order in which they run: each uses what those before it have read."""

    def __init__(self, account: TwilioAccount, senders: Sequence[SenderToCheck] | None) -> None:
        self._account = account
        self._senders = senders
        self._is_readable = False
        self._numbers: dict[str, AccountNumber] = {}

    def is_active(self) -> str:
        state = self._read_state()
        if state.status != "active":
            raise CheckFailed(f"the account is {state.status}", remedy="ask Twilio's support why: console.twilio.com")
        if state.type == "Trial":
            raise CheckWarning("a trial account, which texts only verified numbers", remedy="upgrade it")
        return f"active ({state.type})"

    def has_balance(self) -> str:
        self._require_account()
        balance = self._account.fetch_balance()
        if balance is None:
            raise CheckSkipped("the account reports none of its own (a subaccount)")
        amount, currency = balance
        try:
            left = Decimal(amount)
        except InvalidOperation:
            return f"{amount} {currency}"
        if left <= 0:
            raise CheckFailed(f"{amount} {currency}: Twilio sends nothing")
        if left < LOW_BALANCE:
            raise CheckWarning(f"{amount} {currency}")
        return f"{amount} {currency}"

    def has_senders(self) -> str:
        senders = self._require_senders()
        self._numbers = self._account.list_numbers()
        used = {sender.address for sender in senders if sender.address and not sender.messaging_service_sid}
        # Each by itself as well: the list may have been cut off, or be older than the number.
        self._numbers |= self._account.find_numbers(sorted(used - self._numbers.keys()))
        services = {sender.messaging_service_sid for sender in senders if sender.messaging_service_sid}
        known_services = self._account.find_services(sorted(services))
        problems = [
            *(f"{number} is not in the account" for number in sorted(used - self._numbers.keys())),
            *(f"{sid} does not exist" for sid in sorted(services - known_services)),
            *self._incapable(senders),
        ]
        if problems:
            raise CheckFailed(_listed(problems))
        return (
            f"{_counted(used, 'number')} and {_counted(services, 'messaging service')} of churches are in the account"
        )

    def is_registered(self) -> str:
        senders = self._require_senders()
        numbers = {sender.address for sender in senders if sender.address and not sender.messaging_service_sid}
        services = sorted({sender.messaging_service_sid for sender in senders if sender.messaging_service_sid})
        pools = self._account.list_service_numbers(services)
        toll_free = {number for number in numbers.union(*pools.values()) if _TOLL_FREE.fullmatch(number)}
        long_codes = {number for number in numbers if _US_LONG_CODE.fullmatch(number)} - toll_free
        problems = [*self._unapproved(toll_free), *self._unregistered(long_codes, services, pools)]
        if problems:
            raise CheckFailed(_listed(problems))
        return (
            f"{_counted(long_codes, 'US number')} and {_counted(services, 'messaging service')} have a verified "
            f"campaign, {_counted(toll_free, 'toll-free number')} are approved"
        )

    def _read_state(self) -> AccountState:
        try:
            state = self._account.fetch_state()
        except AccountUnreadable as error:
            remedy = None if error.refused_credentials else "check the connection to TWILIO_API_BASE_URL, and try again"
            raise CheckFailed(str(error), remedy=remedy) from error
        self._is_readable = True
        return state

    def _incapable(self, senders: Iterable[SenderToCheck]) -> list[str]:
        found: list[str] = []
        for sender in senders:
            number = self._numbers.get(sender.address or "")
            if number is None or sender.messaging_service_sid:
                continue
            if not (number.can_send_pictures if sender.channel == "mms" else number.can_text):
                found.append(f"{number.number} cannot send {sender.channel.upper()}")
        return found

    def _unapproved(self, toll_free: set[str]) -> list[str]:
        if not toll_free:
            return []
        statuses = self._account.list_toll_free_statuses()
        known = self._numbers | self._account.find_numbers(sorted(toll_free - self._numbers.keys()))
        by_number = {number: statuses.get(known[number].sid) if number in known else None for number in toll_free}
        return [
            f"{number} has {'no verification' if status is None else f'the verification {status}'}"
            for number, status in sorted(by_number.items())
            if status != _APPROVED
        ]

    def _unregistered(self, long_codes: set[str], services: list[str], pools: dict[str, set[str]]) -> list[str]:
        """Return what is wrong with US numbers: each must be in the pool of a service whose campaign is verified."""
        registered = self._account.list_registered_services() if long_codes else []
        others = [sid for sid in registered if sid not in pools]
        campaigns = self._account.fetch_campaigns([*services, *others])
        pools = {**pools, **self._account.list_service_numbers(others)}
        verified = {number for sid, status in campaigns.items() if status == _VERIFIED for number in pools[sid]}
        needing = [sid for sid in services if any(map(_is_us_long_code, pools[sid]))]
        return [
            *(f"{number} is in no service with a verified campaign" for number in sorted(long_codes - verified)),
            *(
                f"the campaign of {sid} is {campaigns.get(sid, 'missing')}"
                for sid in needing
                if campaigns.get(sid) != _VERIFIED
            ),
            *(f"{sid} has no numbers" for sid in services if not pools[sid]),
        ]

    def _require_account(self) -> None:
        if not self._is_readable:
            raise CheckSkipped("the account could not be read")

    def _require_senders(self) -> Sequence[SenderToCheck]:
        self._require_account()
        if self._senders is None:
            raise CheckSkipped("the senders of the churches could not be read: flask check-database")
        if not self._senders:
            raise CheckSkipped("no church has a sender for texts")
        return self._senders


def _is_us_long_code(number: str) -> bool:
    return _US_LONG_CODE.fullmatch(number) is not None and _TOLL_FREE.fullmatch(number) is None


def _listed(problems: Sequence[str]) -> str:
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return "; ".join(problems[:_SHOWN]) + more


def _counted(items: Sequence[str] | set[str] | set[str | None], name: str) -> str:
    return f"{len(items)} {name}" if len(items) == 1 else f"{len(items)} {name}s"
