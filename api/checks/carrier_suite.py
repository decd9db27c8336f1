"""The steps of `flask check-carrier`: the account at Twilio, the address of callbacks, and the mail server."""

from __future__ import annotations

from collections.abc import Sequence

from api.checks.callback_checks import CallbackChecks
from api.checks.carrier_account import AccountChecks
from api.checks.mail_server_check import check_mail_server
from api.checks.steps import Step, Suite
from channels.twilio.account import TwilioAccount
from channels.twilio.callback_probe import CallbackProbe
from settings import Settings
from store.senders import CarrierSender


def carrier_suite(settings: Settings, senders: Sequence[CarrierSender] | None) -> Suite:
    """The suite. `senders` are those of all churches; None if the database could not be read."""
    account = AccountChecks(TwilioAccount(settings), senders)
    callbacks = CallbackChecks(settings, CallbackProbe(settings))
    steps = [
        Step(
            name="Account",
            check=account.is_active,
            remedy="check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, and the account at console.twilio.com",
        ),
        Step(name="Balance", check=account.has_balance, remedy="add funds, and switch on auto-recharge"),
        Step(
            name="Senders",
            check=account.has_senders,
            remedy="set the churches' senders to numbers and services of this account: flask set-sender",
        ),
        Step(
            name="Registration",
            check=account.is_registered,
            remedy="register the campaign (A2P 10DLC) or the toll-free number at console.twilio.com; carriers block "
            "texts from others",
        ),
        Step(
            name="Callback address",
            check=callbacks.is_reachable,
            remedy="set PUBLIC_URL to the service's public address",
        ),
        Step(
            name="Callback server",
            check=callbacks.is_alive,
            remedy="let PUBLIC_URL lead to this service: check DNS, the proxy and its certificate",
        ),
        Step(
            name="Callback signature",
            check=callbacks.accepts_signature,
            remedy="set the same TWILIO_AUTH_TOKEN and PUBLIC_URL for all processes, and let the proxy change neither "
            "path nor body",
        ),
        Step(
            name="Mail server",
            check=lambda: check_mail_server(settings),
            remedy="check SMTP_URL: host, port, user, password and encryption (docs/mail.md)",
        ),
    ]
    return Suite(name="carrier", target=f"{settings.twilio_account_sid} at {settings.twilio_api_base_url}", steps=steps)
