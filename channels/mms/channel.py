"""The MMS channel: the rules of a picture message. Twilio carries it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from channels.base import Carrier, Details, MergeRules
from channels.incoming import Inbox, Route, RouteStore
from channels.mms import media_checks
from channels.mms.media_probe import ANY_ADDRESS, PUBLIC_ONLY, MediaProbe
from channels.mms.media_urls import FIELD, MAX_CHARACTERS, MAX_URLS, check_urls
from channels.twilio.carrier import TwilioCarrier
from channels.twilio.errors import OPTED_OUT_CODES, RETRYABLE_RECEIPT_CODES, explain_code
from channels.twilio.receipts import status_route
from messaging import segments
from messaging.addresses import AddressKind
from settings import RedisSettings, Settings


class MmsChannel:
    name = "mms"
    address_kind = AddressKind.PHONE
    detail_schemas: Mapping[str, Mapping[str, Any]] = {
        FIELD: {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_URLS,
            "uniqueItems": True,
            "items": {"type": "string", "format": "uri", "pattern": "^https://", "maxLength": MAX_CHARACTERS},
            "examples": [["https://www.example.org/flyers/harvest-supper.jpg"]],
            "description": (
                "The public URLs of the pictures: https on port 443, without a password or a fragment. Their type and "
                "size are checked before the message is accepted. The carrier fetches them when the message is sent, "
                "so leave them in place. JPEG, PNG and GIF files may be up to 5 MB, other files up to 0.6 MB, and all "
                "pictures of a message together up to 5 MB."
            ),
        }
    }
    merge_rules = MergeRules(longest={"content": segments.MAX_CHARACTERS}, needs_text=False, counts_segments=False)
    daily_limit_weight = 3  # a picture message costs about as much as three texts
    can_fetch_statuses = True
    keeps_quiet_hours = True
    shortens_links = True
    retryable_codes = RETRYABLE_RECEIPT_CODES
    opted_out_codes = OPTED_OUT_CODES
    routes: Sequence[Route[RouteStore]] = (status_route("mms"),)
    inbound_routes: Sequence[Route[Inbox]] = ()  # they arrive at the route of sms: Twilio has one URL for both

    def is_enabled(self, settings: RedisSettings) -> bool:  # noqa: ARG002 - it cannot be switched off
        return True

    def unavailable_reason(self, settings: Settings) -> str | None:  # noqa: ARG002 - Twilio's account is always needed
        return None

    def check_content(self, content: str) -> str | None:
        """The text may be empty: a picture message needs none."""
        if len(content) > segments.MAX_CHARACTERS:
            return f"is longer than the {segments.MAX_CHARACTERS} characters that one picture message may have"
        return None

    def check_details(self, details: Details) -> Mapping[str, str]:
        return check_urls(details[FIELD]) if FIELD in details else {FIELD: "is required for mms"}

    def check_references(self, details: Details, settings: Settings, *, church_id: UUID) -> Mapping[str, str]:
        policy = ANY_ADDRESS if settings.media_allow_private else PUBLIC_ONLY
        return media_checks.check(details[FIELD], probe=MediaProbe(policy=policy), church_id=church_id)

    def count_segments(self, content: str) -> int:  # noqa: ARG002 - one message, whatever its text
        return 1

    def explain_code(self, code: str) -> str | None:
        return explain_code(code)

    def open_carrier(self, settings: Settings) -> Carrier:
        return TwilioCarrier(settings, channel=self.name)
