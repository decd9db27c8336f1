"""The rules of a mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from channels.base import Carrier, Details
from channels.incoming import Inbox, Ledger, Route
from channels.mail import unsubscribe
from channels.mail.bounce_route import bounce_route
from channels.mail.carrier import MailCarrier
from channels.mail.headers import header_complaint
from messaging.addresses import AddressKind
from settings import Settings

MAX_CHARACTERS = 100_000
MAX_SUBJECT_CHARACTERS = 200


class MailChannel:
    name = "mail"
    address_kind = AddressKind.EMAIL
    keeps_quiet_hours = False
    detail_schemas: Mapping[str, Mapping[str, Any]] = {
        "subject": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_SUBJECT_CHARACTERS,
            "description": "What the mail is about, on one line, as it is to be read: without encoded words. Required.",
        }
    }
    daily_limit_weight = 0  # costs nothing by the piece
    can_fetch_statuses = False
    retryable_codes: Mapping[str, float] = {}
    routes: Sequence[Route[Ledger]] = (bounce_route(), *unsubscribe.routes())
    inbound_routes: Sequence[Route[Inbox]] = ()

    def is_enabled(self, settings: Settings) -> bool:
        return settings.mail_enabled

    def unavailable_reason(self, settings: Settings) -> str | None:
        if not self.is_enabled(settings):
            return "is switched off here (MAIL_ENABLED)"
        if settings.smtp_url is None:
            return "is not set up here: an operator sets SMTP_URL"
        return None

    def check_content(self, content: str) -> str | None:
        if not content.strip():
            return "must not be blank"
        if len(content) > MAX_CHARACTERS:
            return f"is longer than the {MAX_CHARACTERS:,} characters that one mail may have"
        return None

    def check_details(self, details: Details) -> Mapping[str, str]:
        complaint = _check_subject(details["subject"]) if "subject" in details else "is required for mail"
        return {} if complaint is None else {"subject": complaint}

    def check_references(
        self,
        details: Details,  # noqa: ARG002 - refers to nothing
        settings: Settings,  # noqa: ARG002
        *,
        church_id: UUID,  # noqa: ARG002
    ) -> Mapping[str, str]:
        return {}

    def count_segments(self, content: str) -> int:  # noqa: ARG002 - a mail is a mail
        return 1

    def open_carrier(self, settings: Settings) -> Carrier:
        return MailCarrier(settings)


def _check_subject(subject: object) -> str | None:
    """Whatever could end a header's line, or show something else than what is there, is refused."""
    if not isinstance(subject, str):
        return "must be a string"
    if not subject.strip():
        return "must not be blank"
    if len(subject) > MAX_SUBJECT_CHARACTERS:
        return f"must have at most {MAX_SUBJECT_CHARACTERS} characters"
    return header_complaint(subject)
