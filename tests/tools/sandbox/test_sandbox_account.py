"""The account's resources, in Twilio's format. That the official library reads them, test_check_carrier.py shows."""

import base64
import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tools.sandbox.account.account import Account
from tools.sandbox.control import Sandbox
from tools.sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN

ACCOUNT = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
SERVICE = "MG" + "1" * 32


@pytest.fixture
def account(carrier: Sandbox) -> Iterator[Sandbox]:
    yield carrier
    carrier.clear_account()


def ask(
    carrier: Sandbox, path: str, *, method: str = "GET", token: str = AUTH_TOKEN, body: str = ""
) -> tuple[int, Any]:
    address = urlsplit(carrier.base_url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=30)
    credentials = base64.b64encode(f"{ACCOUNT_SID}:{token}".encode()).decode()
    try:
        connection.request(method, path, body, headers={"Authorization": f"Basic {credentials}"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize("path", [f"{ACCOUNT}.json", f"{ACCOUNT}/Balance.json", "/v1/Services"])
def test_wrong_credentials_are_refused(account: Sandbox, path: str) -> None:
    assert ask(account, path, token="wrong")[0] == 401


def test_another_account_is_refused(account: Sandbox) -> None:
    assert ask(account, f"/2010-04-01/Accounts/AC{'0' * 32}.json")[0] == 401


def test_the_account_and_its_balance_can_be_set(account: Sandbox) -> None:
    account.set_account(Account(status="suspended", balance="-1.50"))

    assert ask(account, f"{ACCOUNT}.json")[1]["status"] == "suspended"
    assert ask(account, f"{ACCOUNT}/Balance.json")[1]["balance"] == "-1.50"


def test_lists_have_pages_as_both_of_twilios_apis_have_them(account: Sandbox) -> None:
    numbers = tuple(f"+1202555{number:04}" for number in range(5))
    account.set_account(Account(numbers=numbers, services={SERVICE: numbers}, campaigns={SERVICE: "VERIFIED"}))

    _, first = ask(account, f"{ACCOUNT}/IncomingPhoneNumbers.json?PageSize=3")
    _, second = ask(account, first["next_page_uri"])
    _, pool = ask(account, f"/v1/Services/{SERVICE}/PhoneNumbers?PageSize=3")

    listed = [item["phone_number"] for page in (first, second) for item in page["incoming_phone_numbers"]]
    assert (tuple(listed), second["next_page_uri"]) == (numbers, None)
    assert pool["meta"]["key"] == "phone_numbers"
    assert pool["meta"]["next_page_url"].startswith(f"https://messaging.twilio.com/v1/Services/{SERVICE}/PhoneNumbers?")


def test_campaigns_and_verifications_have_their_status(account: Sandbox) -> None:
    account.set_account(
        Account(services={SERVICE: ()}, campaigns={SERVICE: "FAILED"}, toll_free={"+18885550123": "IN_REVIEW"})
    )

    _, campaigns = ask(account, f"/v1/Services/{SERVICE}/Compliance/Usa2p")
    _, verifications = ask(account, "/v1/Tollfree/Verifications")
    assert [campaign["campaign_status"] for campaign in campaigns["compliance"]] == ["FAILED"]
    assert [verification["status"] for verification in verifications["verifications"]] == ["IN_REVIEW"]


def test_a_number_that_is_looked_up_is_owned_unless_the_sandbox_refuses_to_send_from_it(account: Sandbox) -> None:
    def found(number: str) -> int:
        path = f"{ACCOUNT}/IncomingPhoneNumbers.json?PhoneNumber=%2B{number}"
        return len(ask(account, path)[1]["incoming_phone_numbers"])

    assert (found("12025550123"), found("15005550007")) == (1, 0)
    account.set_account(Account(owns_every_number=False, numbers=()))
    assert found("12025550123") == 0


def test_resources_that_do_not_exist_and_other_methods_are_refused(account: Sandbox) -> None:
    assert ask(account, f"/v1/Services/MG{'9' * 32}")[0] == 404
    assert ask(account, "/v1/Services", method="POST")[0] == 405


def test_an_unknown_field_is_refused(account: Sandbox) -> None:
    status, answer = ask(account, "/_sandbox/account", method="PUT", body='{"colour": "red"}')

    assert status == 400
    assert "balance" in answer["error"]
