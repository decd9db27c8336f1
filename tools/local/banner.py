"""What bin/run says once everything runs: where to look, and a command to paste."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.local.demo_church import DemoChurch
from tools.local.environment import Local


def lines(*, local: Local, var_dir: Path, environment: Mapping[str, str], church: DemoChurch | None) -> Iterator[str]:
    yield ""
    yield f"API            {local.base_url}"
    yield f"Documentation  {local.base_url}/docs"
    if local.queues_enabled:
        yield f"Dashboard      {local.base_url}/rq{_how_to_enter(local, environment)}"
    if church:
        carrier_url = environment["TWILIO_API_BASE_URL"]
        yield f"Texts          {carrier_url}/_sandbox/ledger shows what the sandbox carrier took (docs/sandbox.md)"
        if local.needs_mail_sandbox:
            yield f"Mails          {carrier_url}/_sandbox/mail/mails"
        yield f"Demo church    {var_dir / 'demo.env'} holds its id and its key. Send to all of it:"
        yield ""
        yield from _curl(local.base_url, church)
    else:
        yield "Carrier        Twilio, with your account: nothing is sent until you ask for it"
        if "PUBLIC_URL" not in local.given:
            yield "               PUBLIC_URL is not set, so Twilio cannot report what becomes of a text"
    yield ""
    yield "In a second terminal, bin/flask --help lists the operator's commands; bin/flask list-keys runs one."
    yield "Ctrl-C stops everything in order."


def _how_to_enter(local: Local, environment: Mapping[str, str]) -> str:
    """Only the password that was made here is shown."""
    if "OPERATOR_PASSWORD" in local.given:
        return ""
    return f" (password {environment['OPERATOR_PASSWORD']})"


def _curl(base_url: str, church: DemoChurch) -> Iterator[str]:
    body = json.dumps({"churchId": church.church_id, "content": "Hello, everyone", "targetType": "all"})
    yield f"curl {base_url}/api/messages/send \\"
    yield f"  -H 'Authorization: Bearer {church.api_key}' \\"
    yield '  -H "Idempotency-Key: hello-$(date +%s)" \\'
    yield "  -H 'Content-Type: application/json' \\"
    yield f"  -d '{body}'"
