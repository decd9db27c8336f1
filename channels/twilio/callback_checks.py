"""Checks that the carrier's callbacks arrive, as far as this machine can know it."""

from __future__ import annotations

from channels.check_steps import CheckFailed
from channels.public_addresses import is_public
from channels.twilio.callback_probe import Answer, CallbackProbe
from channels.twilio.public_url import callback_problem, is_twilio
from settings import Settings


class CallbackChecks:
    def __init__(self, settings: Settings, probe: CallbackProbe) -> None:
        self._settings = settings
        self._probe = probe

    def is_reachable(self) -> str:
        """With Twilio's own API, the address must be https and public, also after its name was resolved."""
        url = self._settings.public_url
        if problem := callback_problem(self._settings):
            raise CheckFailed(problem)
        try:
            addresses = self._probe.resolve()
        except OSError as error:
            raise CheckFailed(
                f"the host of {url} cannot be resolved ({error})", remedy="check its DNS record"
            ) from error
        private = [str(address) for address in addresses if not is_public(address)]
        if private and is_twilio(self._settings):
            raise CheckFailed(f"{url} resolves to {', '.join(private)}, which Twilio cannot reach")
        shown = f"{url} resolves to {', '.join(map(str, addresses))}"
        return f"{shown}; private, which is fine without Twilio" if private else shown

    def is_alive(self) -> str:
        answer = self._probe.get_liveness()
        _refuse_redirect(answer)
        if not answer.is_our_liveness:
            raise CheckFailed(f"GET /health/live is answered with {answer.status}, and not by this service")
        return "GET /health/live is answered by this service"

    def accepts_signature(self) -> str:
        answer = self._probe.send_callback()
        _refuse_redirect(answer)
        if answer.status == 403:
            raise CheckFailed("a callback that was signed as Twilio signs it is refused (403)")
        if answer.status != 204:
            raise CheckFailed(f"a signed callback is answered with {answer.status} instead of 204")
        return "a signed callback is accepted"


def _refuse_redirect(answer: Answer) -> None:
    if 300 <= answer.status < 400:
        raise CheckFailed(
            f"redirects to {answer.location} ({answer.status}), for which Twilio's signature is not valid",
            remedy="set PUBLIC_URL to the address to which it redirects",
        )
