"""The settings of the alerts: thresholds, and who is told. settings.py reads them from the environment."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, SecretStr, StringConstraints, model_validator

Percent = Annotated[float, Field(gt=0, le=100)]
PhoneNumber = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]
MailAddress = Annotated[str, StringConstraints(pattern=r"^[^\s@,<>\"]+@[A-Za-z0-9.-]+$")]
MailAddresses = Annotated[
    str, StringConstraints(pattern=r"^[^\s@,<>\"]+@[A-Za-z0-9.-]+(,[^\s@,<>\"]+@[A-Za-z0-9.-]+)*$")
]


class AlertSettings(BaseModel):
    """Only defines fields. docs/operations.md describes each alert."""

    alert_webhook_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+[^\s]*$")] | None = Field(
        default=None, repr=False
    )
    """Gets each notice as a JSON POST. The URL of a chat is a secret itself."""
    alert_webhook_secret: Annotated[SecretStr, Field(min_length=16)] | None = None
    """Signs the notices to the webhook. Unset: they are not signed."""
    alert_mail_to: MailAddresses | None = None
    """Gets each notice as a mail through `smtp_url`. Several addresses are separated by commas."""
    alert_mail_from: MailAddress | None = None
    """The address from which these mails are sent. Needed with `alert_mail_to`."""
    alert_text_to: PhoneNumber | None = None
    """Gets each notice as a text, directly from the carrier."""
    alert_text_from: PhoneNumber | None = None
    """The number from which these texts are sent. Needed with `alert_text_to`."""

    alert_redis_mb: Annotated[float, Field(gt=0)] = 200.0
    """Memory that Redis uses, in millions of bytes."""
    alert_connections_percent: Percent = 80.0
    """Connections of Redis and of PostgreSQL, of the most that each accepts."""
    alert_queue_jobs: Annotated[int, Field(ge=1)] = 1000
    """Jobs that wait on one queue."""
    alert_queue_seconds: Annotated[float, Field(gt=0)] = 120.0
    """How long the oldest job of a queue has waited."""
    alert_failed_jobs: Annotated[int, Field(ge=0)] = 0
    """Failed jobs of one queue."""
    alert_doubt_seconds: Annotated[float, Field(gt=0)] = 900.0
    """How long a delivery may be in doubt. By then it was looked up at the carrier several times."""
    alert_carrier_errors_percent: Percent = 5.0
    """Submissions of a channel within ten minutes that failed for a reason other than the recipient."""
    alert_receipts_seconds: Annotated[float, Field(gt=0)] = 600.0
    """How long after a message was sent most of its receipts must have come."""
    alert_clock_seconds: Annotated[float, Field(ge=15)] = 30.0
    """How long ago the clock was last seen at work."""
    alert_disk_percent: Percent = 90.0
    """The disk of each host on which the clock or workers run."""
    alert_database_mb: Annotated[float, Field(gt=0)] | None = None
    """The size of the database, in millions of bytes. Unset: it is not checked."""

    @model_validator(mode="after")
    def _check_alert_addresses(self) -> AlertSettings:
        if (self.alert_mail_to is None) != (self.alert_mail_from is None):
            raise ValueError("ALERT_MAIL_TO and ALERT_MAIL_FROM: set both or neither")
        if (self.alert_text_to is None) != (self.alert_text_from is None):
            raise ValueError("ALERT_TEXT_TO and ALERT_TEXT_FROM: set both or neither")
        return self
