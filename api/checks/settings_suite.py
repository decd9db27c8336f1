"""The steps of `flask doctor` that check the settings."""

from __future__ import annotations

from collections.abc import Callable

from api.checks.steps import Suite
from channels.check_steps import CheckFailed, CheckSkipped, CheckWarning, Step
from channels.registry import CHANNELS, settings_problem
from settings import Settings, SettingsError, load_settings, placeholders


def settings_suite() -> Suite:
    return Suite(
        name="settings",
        target="the environment of this process",
        steps=[
            Step(
                name="Variables",
                check=_are_complete,
                remedy="set them: .env.example describes each; bin/flask runs against what bin/run started",
                is_required=True,
            ),
            Step(name="Secrets", check=_with_settings(_are_own), remedy="set values of your own"),
            Step(
                name="Public address",
                check=_with_settings(_address_is_public),
                remedy="set PUBLIC_URL to the public https address of the service",
            ),
            Step(
                name="Dashboard",
                check=_with_settings(_has_dashboard),
                remedy="set OPERATOR_PASSWORD, or accept that nobody can open /rq",
            ),
            Step(
                name="Channels",
                check=_with_settings(_channels_can_send),
                remedy="set SMTP_URL for mail, or MAIL_ENABLED=false",
            ),
        ],
    )


def _are_complete() -> str:
    try:
        load_settings()
    except SettingsError as error:
        raise CheckFailed("; ".join(str(error).splitlines())) from error
    return "complete and valid"


def _with_settings(check: Callable[[Settings], str]) -> Callable[[], str]:
    """Return the check of the settings as a step's function. It runs only if the settings could be read."""
    return lambda: check(load_settings())


def _are_own(settings: Settings) -> str:
    if names := placeholders(settings):
        raise CheckFailed(f"still contains change-me from .env.example: {', '.join(names)}")
    return "no value of .env.example is left"


def _address_is_public(settings: Settings) -> str:
    if problem := settings_problem(settings):
        raise CheckFailed(problem)
    return settings.public_url


def _has_dashboard(settings: Settings) -> str:
    if settings.operator_password is None:
        raise CheckWarning("OPERATOR_PASSWORD is not set, so /rq is closed")
    return "/rq has a password"


def _channels_can_send(settings: Settings) -> str:
    reasons = [
        f"{name} {reason}" for name, channel in CHANNELS.items() if (reason := channel.unavailable_reason(settings))
    ]
    if not reasons:
        return f"{', '.join(CHANNELS)} can send"
    if all("switched off" in reason for reason in reasons):
        raise CheckSkipped("; ".join(reasons))
    raise CheckWarning("; ".join(reasons))
