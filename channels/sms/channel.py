"""The SMS channel: the rules of a text. Twilio carries it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from channels.base import Carrier, Details, MergeRules
from channels.incoming import Inbox, Route, RouteStore
from channels.twilio.carrier import TwilioCarrier
from channels.twilio.errors import OPTED_OUT_CODES, RETRYABLE_RECEIPT_CODES, explain_code
from channels.twilio.inbound import inbound_route
from channels.twilio.receipts import status_route
from messaging.addresses import AddressKind
from messaging.segments import MAX_CHARACTERS, count_segments
from settings import RedisSettings, Settings


class SmsChannel:
    name = "sms"
    address_kind = AddressKind.PHONE
    keeps_quiet_hours = True
    shortens_links = True
    detail_schemas: Mapping[str, Mapping[str, Any]] = {}
    merge_rules = MergeRules(longest={"content": MAX_CHARACTERS}, needs_text=True, counts_segments=True)
    daily_limit_weight = 1
    can_fetch_statuses = True
    retryable_codes = RETRYABLE_RECEIPT_CODES
    opted_out_codes = OPTED_OUT_CODES
    routes: Sequence[Route[RouteStore]] = (status_route("sms"),)
    inbound_routes: Sequence[Route[Inbox]] = (inbound_route("sms"),)

    def is_enabled(self, settings: RedisSettings) -> bool:  # noqa: ARG002 - it cannot be switched off
        return True

    def unavailable_reason(self, settings: Settings) -> str | None:  # noqa: ARG002 - Twilio's account is always needed
        return None

    def check_content(self, content: str) -> str | None:
        if not content.strip():
            return "must not be blank"
        if len(content) > MAX_CHARACTERS:
            return f"is longer than the {MAX_CHARACTERS} characters that one text may have"
        return None

    def check_details(self, details: Details) -> Mapping[str, str]:  # noqa: ARG002 - it has no details
        return {}

    def check_references(
        self,
        details: Details,  # noqa: ARG002 - it refers to nothing
        settings: Settings,  # noqa: ARG002
        *,
        church_id: UUID,  # noqa: ARG002
    ) -> Mapping[str, str]:
        return {}

    def count_segments(self, content: str) -> int:
        return count_segments(content)

    def explain_code(self, code: str) -> str | None:
        return explain_code(code)

    def open_carrier(self, settings: Settings) -> Carrier:
        return TwilioCarrier(settings, channel=self.name)
