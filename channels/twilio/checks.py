"""The steps of `flask check-carrier` that concern Twilio: the account, its senders, and the address of callbacks."""

from __future__ import annotations

from collections.abc import Sequence

from channels.check_steps import SenderToCheck, Step
from channels.twilio.account import TwilioAccount
from channels.twilio.account_checks import AccountChecks
from channels.twilio.callback_checks import CallbackChecks
from channels.twilio.callback_probe import CallbackProbe
from settings import Settings

CHANNELS = ("sms", "mms")


def carrier_checks(settings: Settings, senders: Sequence[SenderToCheck] | None) -> Sequence[Step]:
    """Return the steps. `senders` are those of all churches on all channels; None if they could not be read."""
    own = None if senders is None else [sender for sender in senders if sender.channel in CHANNELS]
    account = AccountChecks(TwilioAccount(settings), own)
    callbacks = CallbackChecks(settings, CallbackProbe(settings))
    return [
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
    ]
