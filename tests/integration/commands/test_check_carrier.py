"""`flask check-carrier` against the sandbox: the account, its senders, their registration, callbacks and mail."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.commands.check_carrier import check_carrier
from channels.check_steps import CheckFailed
from channels.twilio.account import messaging_base_url
from channels.twilio.callback_checks import CallbackChecks
from channels.twilio.callback_probe import CallbackProbe
from settings import Settings
from store.churches import create
from store.database import Database, system_scope
from store.senders import save
from tests.harness.check_lines import lines_of
from tests.harness.web_server import running_web
from tools.local import ports
from tools.sandbox.control import Account, Faults, Sandbox
from tools.sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN
from tools.sandbox.mail.control import MailSandbox

NUMBER, TOLL_FREE = "+12025550123", "+18885550123"
SERVICE, OTHER_SERVICE = "MG" + "1" * 32, "MG" + "2" * 32
STEPS = [
    "Account",
    "Balance",
    "Senders",
    "Registration",
    "Callback address",
    "Callback server",
    "Callback signature",
    "Mail server",
]
IN_ORDER = Account(
    owns_every_number=False,
    numbers=(NUMBER, TOLL_FREE),
    services={SERVICE: (NUMBER,)},
    campaigns={SERVICE: "VERIFIED"},
    toll_free={TOLL_FREE: "TWILIO_APPROVED"},
)

Check = Callable[..., Result]


@pytest.fixture(scope="module")
def web_port(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Iterator[int]:
    """The web process to which PUBLIC_URL leads."""
    port = ports.choose_port()
    url = f"http://127.0.0.1:{port}"
    own = settings.model_copy(update={"public_url": url, "twilio_api_base_url": "http://127.0.0.1:9"})
    with running_web(own, tmp_path_factory.mktemp("web"), port=port, TWILIO_AUTH_TOKEN=AUTH_TOKEN):
        yield port


@pytest.fixture
def check(settings: Settings, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Check:
    monkeypatch.delenv("SMTP_URL", raising=False)

    def invoke(*arguments: str, **variables: str) -> Result:
        environment = {
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url or "",
            "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "TWILIO_API_BASE_URL": sandbox.base_url,
            "PUBLIC_URL": "http://127.0.0.1:1",
            "SECRET_KEY": "k" * 32,
            **variables,
        }
        return CliRunner().invoke(check_carrier, arguments, env=environment)

    return invoke


def add_sender(database: Database, address: str | None, *, service: str | None = None, channel: str = "sms") -> None:
    with system_scope(database) as connection:
        church_id = create(connection, name="Grace", time_zone="America/New_York")
        save(
            connection,
            church_id=church_id,
            channel=channel,
            address=address,
            messaging_service_sid=service,
            segments_per_second=None,
        )


@pytest.fixture
def senders(database: Database) -> None:
    add_sender(database, NUMBER)
    add_sender(database, TOLL_FREE, channel="mms")
    add_sender(database, None, service=SERVICE)


@pytest.mark.usefixtures("senders")
def test_everything_passes_when_the_account_is_in_order(
    check: Check, sandbox: Sandbox, mail_sandbox: MailSandbox, web_port: int
) -> None:
    sandbox.set_account(IN_ORDER)

    result = check(PUBLIC_URL=f"http://127.0.0.1:{web_port}", SMTP_URL=mail_sandbox.smtp_url)

    lines = lines_of(result.stdout)
    assert list(lines) == STEPS
    assert {name for name, line in lines.items() if not line.startswith("✅")} == set(), result.stdout
    assert lines["Balance"] == "✅ 100.00 USD"
    assert lines["Senders"] == "✅ 2 numbers and 1 messaging service of churches are in the account"
    assert result.stdout.splitlines()[-1] == "ALL TESTS PASSED"
    assert sandbox.summary().create_requests == 0


@pytest.mark.usefixtures("senders")
@pytest.mark.parametrize(
    ("change", "step", "line"),
    [
        ({"status": "suspended"}, "Account", "❌ the account is suspended"),
        ({"type": "Trial"}, "Account", "⚠️ a trial account, which texts only verified numbers"),
        ({"balance": "-0.50"}, "Balance", "❌ -0.50 USD: Twilio sends nothing"),
        ({"balance": "3.00"}, "Balance", "⚠️ 3.00 USD"),
        ({"balance": None}, "Balance", "➖ the account reports none of its own (a subaccount)"),
        ({"numbers": (TOLL_FREE,)}, "Senders", f"❌ {NUMBER} is not in the account"),
        ({"without_mms": (TOLL_FREE,)}, "Senders", f"❌ {TOLL_FREE} cannot send MMS"),
        ({"services": {}}, "Senders", f"❌ {SERVICE} does not exist"),
        (
            {"campaigns": {SERVICE: "FAILED"}},
            "Registration",
            f"❌ {NUMBER} is in no service with a verified campaign; the campaign of {SERVICE} is FAILED",
        ),
        (
            {"campaigns": {}},
            "Registration",
            f"❌ {NUMBER} is in no service with a verified campaign; the campaign of {SERVICE} is missing",
        ),
        (
            {"services": {SERVICE: ()}},
            "Registration",
            f"❌ {NUMBER} is in no service with a verified campaign; {SERVICE} has no numbers",
        ),
        (
            {"toll_free": {TOLL_FREE: "PENDING_REVIEW"}},
            "Registration",
            f"❌ {TOLL_FREE} has the verification PENDING_REVIEW",
        ),
        ({"toll_free": {}}, "Registration", f"❌ {TOLL_FREE} has no verification"),
    ],
)
def test_what_is_wrong_with_the_account_is_named(
    check: Check, sandbox: Sandbox, change: dict[str, object], step: str, line: str
) -> None:
    sandbox.set_account(replace(IN_ORDER, **change))

    result = check()

    assert lines_of(result.stdout)[step] == line
    assert f"→ {step}: " in result.stdout or line.startswith("➖")


def test_a_number_may_be_registered_through_a_service_that_no_church_uses(
    check: Check, sandbox: Sandbox, database: Database
) -> None:
    add_sender(database, NUMBER)
    sandbox.set_account(replace(IN_ORDER, services={OTHER_SERVICE: (NUMBER,)}, campaigns={OTHER_SERVICE: "VERIFIED"}))

    assert lines_of(check().stdout)["Registration"].startswith("✅ 1 US number")


def test_numbers_beyond_the_first_page_are_found(check: Check, sandbox: Sandbox, database: Database) -> None:
    numbers = tuple(f"+1202{number:07}" for number in range(1500))
    add_sender(database, numbers[-1])
    sandbox.set_account(replace(IN_ORDER, numbers=numbers, services={SERVICE: numbers}))
    requests = sandbox.summary().requests

    lines = lines_of(check().stdout)

    assert lines["Senders"].startswith("✅ 1 number")
    assert lines["Registration"].startswith("✅ 1 US number")
    assert sandbox.summary().requests - requests < 12  # pages of 1,000, not a request for each number


def test_a_wrong_token_fails_the_account_and_leaves_out_what_needs_it(check: Check) -> None:
    result = check(TWILIO_AUTH_TOKEN="0" * 32)

    lines = lines_of(result.stdout)
    assert lines["Account"] == "❌ Twilio refuses the request (401, code 20003)"
    assert lines["Senders"] == "➖ the account could not be read"
    assert "→ Account: check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN" in result.stdout
    assert "0" * 32 not in result.stdout


def test_a_carrier_that_cannot_be_reached_is_named(check: Check, free_port: int) -> None:
    result = check(TWILIO_API_BASE_URL=f"http://127.0.0.1:{free_port}")

    assert lines_of(result.stdout)["Account"].startswith("❌ Twilio cannot be reached (")
    assert "→ Account: check the connection to TWILIO_API_BASE_URL" in result.stdout


def test_a_carrier_that_fails_is_named(check: Check, sandbox: Sandbox) -> None:
    sandbox.set_faults(Faults(unreadable=1.0))

    assert lines_of(check().stdout)["Account"] == "❌ Twilio refuses the request (500, code 20500)"


def test_a_public_url_at_which_nothing_listens_fails(check: Check, free_port: int) -> None:
    lines = lines_of(check(PUBLIC_URL=f"http://127.0.0.1:{free_port}").stdout)

    assert lines["Callback server"].startswith("❌ ConnectionRefusedError")
    assert lines["Callback signature"].startswith("❌ ConnectionRefusedError")


def test_a_public_url_that_leads_to_another_service_fails(check: Check, sandbox: Sandbox) -> None:
    lines = lines_of(check(PUBLIC_URL=sandbox.base_url).stdout)

    assert lines["Callback server"] == "❌ GET /health/live is answered with 404, and not by this service"
    assert lines["Callback signature"] == "❌ a signed callback is answered with 404 instead of 204"


def test_an_instance_with_another_token_fails_the_signature(
    check: Check, settings: Settings, tmp_path: Path, free_port: int
) -> None:
    url = f"http://127.0.0.1:{free_port}"
    other = settings.model_copy(update={"public_url": url, "twilio_api_base_url": "http://127.0.0.1:9"})
    with running_web(other, tmp_path, port=free_port, TWILIO_AUTH_TOKEN="another-token"):
        lines = lines_of(check(PUBLIC_URL=url).stdout)

    assert lines["Callback server"].startswith("✅")
    assert lines["Callback signature"] == "❌ a callback that was signed as Twilio signs it is refused (403)"


@pytest.mark.parametrize(
    ("url", "finding"),
    [
        ("http://texting.grace.church", "PUBLIC_URL is not https"),
        ("https://10.0.0.7", "PUBLIC_URL names 10.0.0.7, which Twilio cannot reach"),
        ("https://texting.example.org", "PUBLIC_URL names texting.example.org, which Twilio cannot reach"),
        ("https://localhost:8000", "PUBLIC_URL names localhost, which Twilio cannot reach"),
    ],
)
def test_with_twilio_the_callback_address_must_be_public(settings: Settings, url: str, finding: str) -> None:
    own = settings.model_copy(update={"public_url": url, "twilio_api_base_url": "https://api.twilio.com"})

    with pytest.raises(CheckFailed, match=re.escape(finding)):
        CallbackChecks(own, CallbackProbe(own)).is_reachable()


def test_a_mail_server_that_refuses_is_named(check: Check, free_port: int) -> None:
    result = check(SMTP_URL=f"smtp://127.0.0.1:{free_port}?starttls=never")

    assert lines_of(result.stdout)["Mail server"] == (
        f"❌ 127.0.0.1:{free_port} cannot be used: connect: ConnectionRefusedError"
    )


def test_a_mail_server_without_starttls_is_refused(check: Check, mail_sandbox: MailSandbox) -> None:
    result = check(SMTP_URL=mail_sandbox.smtp_url.partition("?")[0])

    assert "connect: 502 5.5.1" in lines_of(result.stdout)["Mail server"]


def test_json_contains_every_step(check: Check) -> None:
    document = json.loads(check("--json").stdout)

    assert [step["name"] for step in document["steps"]] == STEPS
    assert document["passed"] is False


@pytest.mark.parametrize(
    ("base", "messaging"),
    [
        ("https://api.twilio.com", "https://messaging.twilio.com"),
        ("https://api.dublin.ie1.twilio.com", "https://messaging.dublin.ie1.twilio.com"),
        ("http://127.0.0.1:4010", "http://127.0.0.1:4010"),
    ],
)
def test_messaging_services_are_read_from_twilios_other_host(base: str, messaging: str) -> None:
    assert messaging_base_url(base) == messaging
