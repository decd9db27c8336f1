"""One message that a person writes."""

from dataclasses import dataclass
from typing import Any, cast

from tools.sandbox.inbound.opt_out_list import OPT_OUT_TYPES, OptOutType

_FIELDS = frozenset(("from", "to", "text", "media", "optOutType", "messagingServiceSid", "sid"))


class InboundError(ValueError):
    """The request is not valid; the message says why."""


@dataclass(slots=True, kw_only=True, eq=False)
class InboundMessage:
    """A message, and what became of its webhook."""

    number: int
    """Its position in the order of arrival, from 1."""
    sid: str
    sender: str
    to: str
    text: str
    media: tuple[str, ...]
    messaging_service_sid: str | None
    opt_out_type: OptOutType | None
    """What the webhook says about it."""
    carrier_answer: str | None
    """What the carrier itself answered to the person."""
    attempts: int = 0
    status: int | None = None
    """The HTTP status of the last answer to the webhook; None before there is one."""
    answered_at: float | None = None
    """When the webhook was first answered with 2xx, in seconds since the epoch."""
    is_done: bool = False
    """The webhook was answered and is not repeated, or was given up."""

    def to_json(self) -> dict[str, object]:
        return {
            "number": self.number,
            "sid": self.sid,
            "from": self.sender,
            "to": self.to,
            "text": self.text,
            "media": list(self.media),
            "messagingServiceSid": self.messaging_service_sid,
            "optOutType": self.opt_out_type,
            "carrierAnswer": self.carrier_answer,
            "attempts": self.attempts,
            "status": self.status,
            "answeredAt": self.answered_at,
            "isDone": self.is_done,
        }


@dataclass(frozen=True, kw_only=True)
class NewInbound:
    """What the control API is asked to deliver."""

    sender: str
    to: str
    text: str
    media: tuple[str, ...] = ()
    opt_out_type: OptOutType | None = None
    messaging_service_sid: str | None = None
    sid: str | None = None
    """To deliver the same message once more."""

    @classmethod
    def from_json(cls, value: object) -> "NewInbound":
        """Raises InboundError."""
        if not isinstance(value, dict):
            raise InboundError("must be an object")
        given = cast("dict[str, Any]", value)
        unknown = given.keys() - _FIELDS
        if unknown:
            raise InboundError(f"unknown: {', '.join(sorted(unknown))}")
        media: object = given.get("media") or []
        urls = cast("list[object]", media) if isinstance(media, list) else [media]
        if not all(isinstance(url, str) for url in urls):
            raise InboundError("media must be a list of URLs")
        opt_out_type = given.get("optOutType")
        if opt_out_type not in (None, *OPT_OUT_TYPES):
            raise InboundError(f"optOutType must be one of {', '.join(OPT_OUT_TYPES)}")
        return cls(
            sender=_text(given, "from"),
            to=_text(given, "to"),
            text=_text(given, "text", default=""),
            media=tuple(cast("list[str]", urls)),
            opt_out_type=opt_out_type,
            messaging_service_sid=_text(given, "messagingServiceSid", default="") or None,
            sid=_text(given, "sid", default="") or None,
        )


def _text(given: dict[str, Any], name: str, *, default: str | None = None) -> str:
    value = given.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or not (value or default is not None):
        raise InboundError(f"{name} must be a text")
    return value
