"""The response model of a preview."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from api.base_models import ResponseModel, Timestamp
from api.costs import Cost


class Exclusion(ResponseModel):
    """People in the target who get nothing, for one reason."""

    reason: str = Field(description="As the `reason` of a delivery, such as `opted out` or `no address`.")
    people: int


class SegmentCounts(ResponseModel):
    """The segments of the texts that people get."""

    min: int = Field(description="Of the shortest text; 0 if nobody gets one.")
    max: int = Field(description="Of the longest text.")
    sum: int = Field(description="Of all texts together: what is paid, and counted against the limits (see there).")


class UsedLimit(ResponseModel):
    """A limit of the church, and what of it this message would need."""

    limit: Literal["daily", "monthly"]
    segments: int = Field(description="The most that the church may send on that day, or in that month.")
    left: int = Field(description="What is left of it.")
    needed: int = Field(
        description=(
            "What the message needs. A picture message counts as several segments. People who opted out count until it "
            "is sent."
        )
    )
    beyond: int = Field(description="About how many people would get nothing because of it. Such a send is refused.")


class Estimate(ResponseModel):
    """When the message would be sent, roughly: it changes with whatever else the church sends."""

    begins_at: Timestamp = Field(description="When the first text could leave.")
    done_at: Timestamp | None = Field(
        description=(
            "When the last text would have left, by the sender's pace, quiet hours and what waits before it. Null if "
            "it cannot be known: nobody gets it, the sender is stopped, or it takes more than a year."
        )
    )
    segments_before: int = Field(description="Segments of the church's other messages that leave before it.")
    segments_per_second: float | None = Field(
        description="The sender's pace; null if it has none: then texts leave within minutes, which are not counted."
    )
    waits_for_quiet_hours: int = Field(description="Segments for people who are in their quiet hours at that time.")


class PreviewExample(ResponseModel):
    """What one recipient would get."""

    contact_id: UUID | None = Field(description="The contact; null if the address was listed.")
    content: str
    details: dict[str, Any] = Field(description="The channel's own fields, such as the `subject` of an e-mail.")
    segments: int
    encoding: Literal["GSM-7", "UCS-2"] | None = Field(description="As below.")


class PreviewWarning(ResponseModel):
    """What you should know before you send this. Nothing of it prevents the message from being sent."""

    code: Literal[
        "sender-paused",
        "no-recipients",
        "quota-nearly-used",
        "texts-too-long",
        "fields-missing",
        "costly-characters",
        "public-shortener",
        "no-church-name",
        "no-opt-out",
        "all-caps",
    ] = Field(description="The kind of warning. `docs/preview.md` explains each.")
    message: str = Field(description="The warning in words.")
    suggestion: str | None = Field(description="A `content` to send instead, if there is a better one.")


class MessagePreview(ResponseModel):
    """What would become of a message if it were sent now."""

    audience: int = Field(description="How many are in the target.")
    reached: int = Field(description="How many of them would get it.")
    exclusions: list[Exclusion] = Field(description="The others, by reason. `reached` and these add up to `audience`.")
    segments: SegmentCounts
    encoding: Literal["GSM-7", "UCS-2", "mixed"] | None = Field(
        description=(
            "The alphabet of the texts: GSM-7 has 160 characters in a segment (153 in each of several), UCS-2 70 (67). "
            "`mixed`: it depends on the recipient. Null for picture messages and e-mails."
        )
    )
    cost: Cost | None = Field(description="`segments.sum` at the church's price of that day; null if none is set.")
    limits: list[UsedLimit] = Field(description="The daily limit, and the monthly quota if there is one.")
    estimate: Estimate
    examples: list[PreviewExample] = Field(
        description=(
            "Up to three texts as people would get them: with merge fields the longest, one in which a field is empty, "
            "and others; without merge fields just one. Short links have the code of no link."
        )
    )
    warnings: list[PreviewWarning]
