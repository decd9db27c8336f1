"""The resources of the account, read-only, in Twilio's format.

https://www.twilio.com/docs/iam/api/account, https://www.twilio.com/docs/usage/api/balance-resource,
https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource,
https://www.twilio.com/docs/messaging/api/service-resource, https://www.twilio.com/docs/messaging/api/phonenumber-resource,
https://www.twilio.com/docs/messaging/api/usapptoperson-resource,
https://www.twilio.com/docs/messaging/api/tollfree-verification-resource
"""

import re

from tools.sandbox.account.account import Account, sid_of
from tools.sandbox.account.pages import Page, read_page
from tools.sandbox.messages.errors import refuse
from tools.sandbox.wire.form import first, read_form
from tools.sandbox.wire.reply import Reply, respond_json
from tools.sandbox.wire.request import Request

_SERVICE = re.compile(r"/v1/Services/(MG[0-9a-fA-F]{32})(?:/(PhoneNumbers|Compliance/Usa2p))?")


class AccountResources:
    """Answers GET requests that carry valid credentials. `account` may be replaced."""

    def __init__(self, account_sid: str) -> None:
        self.account = Account()
        self._sid = account_sid
        self._path = f"/2010-04-01/Accounts/{account_sid}"

    def answer(self, request: Request) -> Reply | None:
        """Return the reply, or None if the path is none of these resources."""
        path, page = request.path.decode("ascii", "replace"), read_page(request)
        if path == f"{self._path}.json":
            return respond_json(200, self._account())
        if path == f"{self._path}/Balance.json":
            return self._balance()
        if path == f"{self._path}/IncomingPhoneNumbers.json":
            return self._numbers(request, page)
        if path == "/v1/Services":
            return page.reply("services", [self._service(sid) for sid in self.account.services])
        if path == "/v1/Tollfree/Verifications":
            return page.reply("verifications", [self._verification(number) for number in self.account.toll_free])
        found = _SERVICE.fullmatch(path)
        return self._of_service(found[1], found[2], page) if found else None

    def _account(self) -> dict[str, object]:
        return {
            "sid": self._sid,
            "owner_account_sid": self._sid,
            "friendly_name": "Sandbox",
            "status": self.account.status,
            "type": self.account.type,
            "uri": f"{self._path}.json",
        }

    def _balance(self) -> Reply:
        if self.account.balance is None:
            return refuse(20404, f"{self._path}/Balance.json")
        balance = {"account_sid": self._sid, "balance": self.account.balance, "currency": self.account.currency}
        return respond_json(200, balance)

    def _numbers(self, request: Request, page: Page) -> Reply:
        wanted = first(read_form(request.query), "PhoneNumber")
        if wanted:
            self.account = self.account.with_number(wanted)
        listed = [number for number in self.account.numbers if not wanted or number == wanted]
        return page.reply_2010(
            f"{self._path}/IncomingPhoneNumbers.json", "incoming_phone_numbers", map(self._number, listed)
        )

    def _number(self, number: str) -> dict[str, object]:
        can_send_pictures = number not in self.account.without_mms
        return {
            "sid": sid_of("PN", number),
            "account_sid": self._sid,
            "friendly_name": number,
            "phone_number": number,
            "capabilities": {"voice": True, "sms": True, "mms": can_send_pictures, "fax": False},
            "status": "in-use",
        }

    def _of_service(self, sid: str, part: str | None, page: Page) -> Reply:
        if sid not in self.account.services:
            return refuse(20404, f"/Services/{sid}")
        if part is None:
            return respond_json(200, self._service(sid))
        if part == "PhoneNumbers":
            pool = self.account.services[sid]
            return page.reply("phone_numbers", [self._pool_number(sid, number) for number in pool])
        campaigns = [self.account.campaigns[sid]] if sid in self.account.campaigns else []
        return page.reply("compliance", [self._campaign(sid, status) for status in campaigns])

    def _service(self, sid: str) -> dict[str, object]:
        return {
            "sid": sid,
            "account_sid": self._sid,
            "friendly_name": "Churches",
            "usecase": "notifications",
            "us_app_to_person_registered": sid in self.account.campaigns,
        }

    def _pool_number(self, sid: str, number: str) -> dict[str, object]:
        return {
            "sid": sid_of("PN", number),
            "account_sid": self._sid,
            "service_sid": sid,
            "phone_number": number,
            "country_code": "US",
            "capabilities": ["Voice", "SMS", "MMS"],
        }

    def _campaign(self, sid: str, status: str) -> dict[str, object]:
        return {
            "sid": sid_of("QE", sid),
            "account_sid": self._sid,
            "messaging_service_sid": sid,
            "brand_registration_sid": sid_of("BN", sid),
            "us_app_to_person_usecase": "CHARITY",
            "campaign_status": status,
        }

    def _verification(self, number: str) -> dict[str, object]:
        return {
            "sid": sid_of("HH", number),
            "account_sid": self._sid,
            "tollfree_phone_number_sid": sid_of("PN", number),
            "status": self.account.toll_free[number],
        }
