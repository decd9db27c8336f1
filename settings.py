"""The only reader of the environment: every setting, its default, and a clear error for each that is wrong."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+[^\s]*$")]
SmtpUrl = Annotated[
    str,
    StringConstraints(
        pattern=r"^smtps?://([^\s/?#@]*@)?([^\s/?#@:\[\]]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?(\?starttls=(always|never))?$"
    ),
]


_PASSWORD_CHARACTERS = 12
_PASSWORD_DIFFERENT_CHARACTERS = 5


class SettingsError(Exception):
    """The environment cannot be used; the message names each variable and what it should be."""


def _strong_password(password: SecretStr) -> SecretStr:
    """The password, unless it is quickly guessed. Raises ValueError."""
    text = password.get_secret_value()
    if len(text) < _PASSWORD_CHARACTERS or len(set(text)) < _PASSWORD_DIFFERENT_CHARACTERS:
        raise ValueError(
            f"must have {_PASSWORD_CHARACTERS} characters or more, at least {_PASSWORD_DIFFERENT_CHARACTERS} of them "
            "different, such as from `openssl rand -hex 16` (or unset it to keep the operator's pages shut)"
        )
    return password


class Settings(BaseSettings):
    """What a process is told from outside. Field names in upper case are the variables' names."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: Annotated[str, Field(repr=False), StringConstraints(pattern=r"^postgres(ql)?://")]
    """PostgreSQL 18 or newer: the ledger."""
    redis_url: Annotated[str, StringConstraints(pattern=r"^(rediss?|unix)://")] | None = Field(default=None, repr=False)
    """Redis 6.2 or newer, or Valkey: the job_queue. Needed unless `enable_queues` is false."""

    enable_queues: bool = True
    """False runs every job where it is rung for, without Redis."""
    mail_enabled: bool = True
    analytics_enabled: bool = True

    twilio_account_sid: Annotated[str, StringConstraints(pattern=r"^AC[0-9a-fA-F]{32}$")]
    twilio_auth_token: Annotated[SecretStr, Field(min_length=1)]
    twilio_api_base_url: HttpUrl = "https://api.twilio.com"
    public_url: HttpUrl
    """Where the carrier reaches this service; status callbacks are sent, and signed, for this address."""

    media_allow_private: bool = False
    """For development alone: media may be at http URLs, on any port, and on this machine's own network."""

    smtp_url: SmtpUrl | None = Field(default=None, repr=False)
    """The mail server all churches send through: smtp:// (STARTTLS, unless ?starttls=never) or smtps://."""
    secret_key: Annotated[SecretStr, Field(min_length=32)] | None = None
    """Signs the links to unsubscribe and the addresses that bounces come back to. Needed with `smtp_url`."""
    mail_bounce_domain: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]+\.[A-Za-z0-9-]+$")] | None = None
    """Where bounces are sent to, and handed to us. Without one they go to each church's own address."""
    smtp_connections: Annotated[int, Field(ge=1, le=200)] = 10
    """Connections a worker process keeps to the mail server."""
    smtp_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 60.0
    """How long the mail server may take for one answer. A slower one to a whole mail is ambiguous."""

    operator_password: Annotated[SecretStr, AfterValidator(_strong_password)] | None = None
    """The password of /rq: 12 characters or more. Without one the dashboard stays shut."""
    secure_cookies: bool | None = None
    """Whether the operator's cookie is sent over HTTPS only. Unset: when `public_url` is https."""

    trusted_proxies: Annotated[int, Field(ge=0, le=5)] = 0
    """Proxies in front that add X-Forwarded-For and -Proto: whom to believe about a visitor's address."""

    daily_segment_limit: Annotated[int, Field(ge=1)] = 150_000
    """Segments that a church without a limit of its own may send in a day: three for each of 50,000 people."""
    texting_regions: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}(,[A-Z]{2})*$")] = "US,AS,GU,MP,PR,VI"
    """ISO 3166 codes of the regions that a church without regions of its own may text: the US and its territories."""

    turn_size: Annotated[int, Field(ge=1, le=5000)] = 500
    """Deliveries one turn claims at the most."""
    carrier_connections: Annotated[int, Field(ge=1, le=5000)] = 500
    """Connections a worker process keeps to the carrier, and so the deliveries it has in flight at once."""
    carrier_timeout_seconds: Annotated[float, Field(gt=0, le=120)] = 15.0
    """How long one submission to the carrier may take. A slower one is ambiguous: neither sent nor unsent."""
    lease_seconds: Annotated[float, Field(ge=1, le=240)] = 120.0
    """How long a claimed delivery stays its claimer's. Longer than a whole turn can take."""
    retry_limit: Annotated[int, Field(ge=0, le=20)] = 5
    """How often a transient refusal is tried again before the delivery fails."""
    retry_age_seconds: Annotated[float, Field(gt=0)] = 24 * 3600.0
    """Older than this a delivery is not sent any more: its hour is over. What its age counts from: docs/time.md."""

    reconcile_first_seconds: Annotated[float, Field(gt=0)] = 15.0
    """After a lost answer, how long until the carrier's list is first read. The callback mostly comes before."""
    reconcile_reads: Annotated[int, Field(ge=2)] = 3
    """Readings that must have missed a delivery before it is sent again: one may be of a list that lags."""
    reconcile_seconds: Annotated[float, Field(gt=0)] = 300.0
    """The least time over which they must have missed it. Far longer than a request can be under way."""
    receipt_after_seconds: Annotated[float, Field(gt=0)] = 900.0
    """A delivery of which the carrier says nothing for this long after accepting it is asked after."""
    receipt_give_up_seconds: Annotated[float, Field(gt=0)] = 72 * 3600.0
    """After this it is no longer asked after: carriers know no more."""

    schedules_per_church: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Schedules with a run to come that a church may have, paused ones included."""

    database_pool_size: Annotated[int, Field(ge=1, le=100)] = 8
    """Connections a web process keeps at the most."""

    log_format: Literal["text", "json"] = "text"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="after")
    def _queues_need_redis(self) -> Settings:
        if self.enable_queues and self.redis_url is None:
            raise ValueError("REDIS_URL: is missing (or set ENABLE_QUEUES=false to run without Redis)")
        return self

    @model_validator(mode="after")
    def _lease_outlives_a_submission(self) -> Settings:
        if self.lease_seconds < 2 * self.carrier_timeout_seconds:
            raise ValueError("LEASE_SECONDS: must be at least twice CARRIER_TIMEOUT_SECONDS")
        return self

    @model_validator(mode="after")
    def _doubt_outlives_a_submission(self) -> Settings:
        if self.reconcile_seconds <= self.carrier_timeout_seconds:
            raise ValueError("RECONCILE_SECONDS: must be longer than CARRIER_TIMEOUT_SECONDS")
        return self

    @model_validator(mode="after")
    def _doubt_outlives_a_mail(self) -> Settings:
        if self.smtp_url is not None and self.reconcile_seconds <= self.smtp_timeout_seconds:
            raise ValueError("RECONCILE_SECONDS: must be longer than SMTP_TIMEOUT_SECONDS")
        return self

    @model_validator(mode="after")
    def _mail_needs_a_secret(self) -> Settings:
        if self.mail_enabled and self.smtp_url is not None and self.secret_key is None:
            raise ValueError("SECRET_KEY: is missing (it signs the unsubscribe links of mails)")
        return self

    @property
    def default_regions(self) -> tuple[str, ...]:
        return tuple(self.texting_regions.split(","))

    @property
    def cookies_are_secure(self) -> bool:
        if self.secure_cookies is None:
            return self.public_url.startswith("https://")
        return self.secure_cookies


def load_settings(**overrides: Any) -> Settings:
    """Read the environment once, `overrides` on top (field names, for tests).

    Raises SettingsError naming each variable that is missing or malformed; never its value.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError("\n".join(_complaints(error))) from None


def _complaints(error: ValidationError) -> list[str]:
    lines: list[str] = []
    for item in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in item["loc"]).upper()
        text = item["msg"].removeprefix("Value error, ")
        if item["type"] == "missing":
            text = "is missing"
        lines.append(f"{name}: {text}" if name else text)
    return lines


def mask_url(url: str) -> str:
    """The URL with its password replaced by ***, fit for logs."""
    masked = re.sub(r"(?<=://)([^:@/]*):.*@", r"\1:***@", url)  # up to the last @: a password may hold / and @
    return re.sub(r"(?<=[?&]password=)[^&]*", "***", masked)
