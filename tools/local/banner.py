"""The text that bin/run prints when everything runs: addresses, and a command to try."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.local.demo_church import DemoChurch
from tools.local.environment import LocalConfig, var_dir_of


def lines(
    *, config: LocalConfig, var_dir: Path, environment: Mapping[str, str], church: DemoChurch | None
) -> Iterator[str]:
    yield ""
    yield f"API            {config.base_url}"
    yield f"Documentation  {config.base_url}/docs"
    if config.queues_enabled:
        yield f"Dashboard      {config.base_url}/rq{_login(config, environment)}"
    if church:
        carrier_url = environment["TWILIO_API_BASE_URL"]
        yield f"Texts          {carrier_url}/_sandbox/ledger lists what the sandbox carrier accepted (docs/sandbox.md)"
        if config.needs_mail_sandbox:
            yield f"Mails          {carrier_url}/_sandbox/mail/mails"
        yield f"Demo church    {var_dir / 'demo.env'} holds its id and its key. Send a message to all its members:"
        yield ""
        yield from _curl(config.base_url, church)
    else:
        yield "Carrier        Twilio, with your account. Nothing is sent until you send it."
        if "PUBLIC_URL" not in config.variables:
            yield "               PUBLIC_URL is not set, so Twilio cannot send status callbacks."
    if config.needs_alert_receiver:
        yield f"Alerts         are printed here and in {var_dir / 'log' / 'alerts.log'} (docs/operations.md)"
    yield ""
    yield f"Commands       {_flask(var_dir)} --help lists the operator's commands. Run them in a second terminal."
    yield "Ctrl-C stops everything."


def _login(config: LocalConfig, environment: Mapping[str, str]) -> str:
    """Show the operator's password only if bin/run generated it."""
    if "OPERATOR_PASSWORD" in config.variables:
        return ""
    return f" (log in as operator, password {environment['OPERATOR_PASSWORD']})"


def _flask(var_dir: Path) -> str:
    """Return the command that runs `flask` against this bin/run."""
    if var_dir == var_dir_of({}):
        return "bin/flask"
    return f"VAR_DIR={shlex.quote(str(var_dir))} bin/flask"


def _curl(base_url: str, church: DemoChurch) -> Iterator[str]:
    body = json.dumps({"churchId": church.church_id, "content": "Hello, everyone", "targetType": "all"})
    yield f"curl {base_url}/api/messages/send \\"
    yield f"  -H 'Authorization: Bearer {church.api_key}' \\"
    yield '  -H "Idempotency-Key: hello-$(date +%s)" \\'
    yield "  -H 'Content-Type: application/json' \\"
    yield f"  -d '{body}'"
