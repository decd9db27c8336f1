"""The mail channel: the rules of a mail."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from channels.base import Carrier, Details, MergeRules
from channels.incoming import Inbox, Route, RouteStore
from channels.mail import unsubscribe
from channels.mail.bounce_route import bounce_route
from channels.mail.carrier import MailCarrier
from channels.mail.errors import explain_code
from channels.mail.headers import header_error
from messaging.addresses import AddressKind
from settings import RedisSettings, Settings

MAX_CHARACTERS = 100_000
MAX_SUBJECT_CHARACTERS = 200


class MailChannel:
    name = "mail"
    address_kind = AddressKind.EMAIL
    keeps_quiet_hours = False
    shortens_links = False
    detail_schemas: Mapping[str, Mapping[str, Any]] = {
        "subject": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_SUBJECT_CHARACTERS,
            "description": "The subject, on one line, as plain text without encoded words (RFC 2047).",
        }
    }
    merge_rules = MergeRules(
        longest={"content": MAX_CHARACTERS, "subject": MAX_SUBJECT_CHARACTERS}, needs_text=True, counts_segments=False
    )
    daily_limit_weight = 0  # a single mail costs nothing
    can_fetch_statuses = False
    retryable_codes: Mapping[str, float] = {}
    opted_out_codes: Collection[str] = ()
    routes: Sequence[Route[RouteStore]] = (bounce_route(), *unsubscribe.routes())
    inbound_routes: Sequence[Route[Inbox]] = ()

    def is_enabled(self, settings: RedisSettings) -> bool:
        return settings.mail_enabled

    def unavailable_reason(self, settings: Settings) -> str | None:
        if not self.is_enabled(settings):
            return "is switched off here (MAIL_ENABLED=false)"
        if settings.smtp_url is None:
            return "is not set up here: SMTP_URL is not set"
        return None

    def check_content(self, content: str) -> str | None:
        if not content.strip():
            return "must not be blank"
        if len(content) > MAX_CHARACTERS:
            return f"is longer than the {MAX_CHARACTERS:,} characters that an e-mail may have"
        return None

    def check_details(self, details: Details) -> Mapping[str, str]:
        error = _check_subject(details["subject"]) if "subject" in details else "is required for mail"
        return {} if error is None else {"subject": error}

    def check_references(
        self,
        details: Details,  # noqa: ARG002 - it refers to nothing
        settings: Settings,  # noqa: ARG002
        *,
        church_id: UUID,  # noqa: ARG002
    ) -> Mapping[str, str]:
        return {}

    def count_segments(self, content: str) -> int:  # noqa: ARG002 - one mail, whatever its length
        return 1

    def explain_code(self, code: str) -> str | None:
        return explain_code(code)

    def open_carrier(self, settings: Settings) -> Carrier:
        return MailCarrier(settings)


def _check_subject(subject: object) -> str | None:
    """Refuses what could end the header's line, or would be displayed as something else."""
    if not isinstance(subject, str):
        return "must be a string"
    if not subject.strip():
        return "must not be blank"
    if len(subject) > MAX_SUBJECT_CHARACTERS:
        return f"must have at most {MAX_SUBJECT_CHARACTERS} characters"
    return header_error(subject)
