"""The settings. This is the only module that reads the environment."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, AliasChoices, Field, SecretStr, StringConstraints, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from alert_settings import AlertSettings

HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+[^\s]*$")]
SmtpUrl = Annotated[
    str,
    StringConstraints(
        pattern=r"^smtps?://([^\s/?#@]*@)?([^\s/?#@:\[\]]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?(\?starttls=(always|never))?$"
    ),
]
_SENTINEL = r"([^\s/?#,:@\[\]]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
RedisUrl = Annotated[
    str,
    StringConstraints(
        pattern=r"^((rediss?|unix)://"
        rf"|rediss?\+sentinel://([^\s/?#@]*@)?{_SENTINEL}(,{_SENTINEL})*/[^\s/?#]+(/[0-9]+)?(\?[^\s#]*)?$)"
    ),
]
"""The second form is Redis Sentinel's: jobs/job_queue/sentinel.py."""


_PLACEHOLDER = "change-me"
"""Stands in .env.example and in README.md for each secret."""
_PASSWORD_CHARACTERS = 12
_PASSWORD_DIFFERENT_CHARACTERS = 5


class SettingsError(Exception):
    """Variables are missing or invalid. The message names each of them and says what it should be."""


def password_weakness(password: str) -> str | None:
    """Return what an operator's password must have, as the end of a sentence; None if it is not easily guessed."""
    if len(password) >= _PASSWORD_CHARACTERS and len(set(password)) >= _PASSWORD_DIFFERENT_CHARACTERS:
        return None
    return (
        f"must have {_PASSWORD_CHARACTERS} characters or more, at least {_PASSWORD_DIFFERENT_CHARACTERS} of them "
        "different, such as from `openssl rand -hex 16`"
    )


def _strong_password(password: SecretStr) -> SecretStr:
    """Return the password. Raises ValueError if it is easily guessed."""
    if weakness := password_weakness(password.get_secret_value()):
        raise ValueError(f"{weakness} (or leave it unset to keep the operator's pages closed)")
    return password


class RedisSettings(BaseSettings):
    """The variables of Redis and its queues: all that `flask check-redis` needs."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    redis_url: RedisUrl | None = Field(default=None, repr=False)
    """Redis 6.2 or newer, or Valkey, also behind Redis Sentinel. It holds the job queues. Required unless
    `enable_queues` is false."""

    enable_queues: bool = True
    """If false, every job runs in the process that would have enqueued it, without Redis."""
    mail_enabled: bool = True
    analytics_enabled: bool = True

    @model_validator(mode="after")
    def _check_redis_url(self) -> Self:
        if self.enable_queues and self.redis_url is None:
            raise ValueError("REDIS_URL: is missing (or set ENABLE_QUEUES=false to run without Redis)")
        return self


class DatabaseSettings(BaseSettings):
    """The address of PostgreSQL: all that `flask check-database` needs."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: Annotated[str, Field(repr=False), StringConstraints(pattern=r"^postgres(ql)?://")]
    """PostgreSQL 18 or newer. It holds everything that must not be lost."""


class Settings(AlertSettings, RedisSettings, DatabaseSettings):
    """The configuration of a process. The environment variable of a field is its name in upper case."""

    direct_database_url: Annotated[str, StringConstraints(pattern=r"^postgres(ql)?://")] | None = Field(
        default=None, repr=False
    )
    """The same database without a connection pooler, for `python -m store.migrate`. Unset: `database_url`."""

    twilio_account_sid: Annotated[str, StringConstraints(pattern=r"^AC[0-9a-fA-F]{32}$")]
    twilio_auth_token: Annotated[SecretStr, Field(min_length=1)]
    twilio_api_base_url: HttpUrl = "https://api.twilio.com"
    public_url: HttpUrl
    """The address at which the carrier reaches this service. Status callbacks are sent to it and signed for it."""

    link_domain: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")] | None = None
    """The domain of short links of churches without one of their own, with HTTPS. Unset: those of `public_url`."""

    media_allow_private: bool = False
    """For development only: allows media at http URLs, on any port, and in this machine's own network."""

    smtp_url: SmtpUrl | None = Field(default=None, repr=False)
    """The mail server all churches send through: smtp:// (STARTTLS, unless ?starttls=never) or smtps://."""
    secret_key: Annotated[SecretStr, Field(min_length=32)] | None = None
    """Signs unsubscribe links and bounce addresses. Needed with `smtp_url`."""
    mail_bounce_domain: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]+\.[A-Za-z0-9-]+$")] | None = None
    """The mail domain that passes bounces to this service. Unset: bounces go to each church's own address."""
    smtp_connections: Annotated[int, Field(ge=1, le=200)] = 10
    """Connections a worker process keeps to the mail server."""
    smtp_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 60.0
    """How long to wait for one reply of the mail server. A mail without a reply in this time is in doubt."""

    operator_password: Annotated[SecretStr, AfterValidator(_strong_password)] | None = None
    """Opens /rq under the name `operator` while there are no operators with names: 12 characters or more."""
    secure_cookies: bool | None = None
    """Whether the operator's cookies are sent over HTTPS only. Unset: if `public_url` is https."""

    metrics_token: Annotated[SecretStr, Field(min_length=16)] | None = None
    """What a monitoring system sends as a Bearer token to read /metrics. Unset: /metrics does not exist."""

    trusted_proxies: Annotated[int, Field(ge=0, le=5)] = 0
    """The number of proxies in front that add X-Forwarded-For and -Proto, from which the client's address is taken."""

    daily_segment_limit: Annotated[int, Field(ge=1)] = 150_000
    """Segments a day for a church without a limit of its own. The default is three for each of 50,000 people."""
    texting_regions: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}(,[A-Z]{2})*$")] = "US,AS,GU,MP,PR,VI"
    """ISO 3166 codes of the regions that a church without regions of its own may text: the US and its territories."""

    batch_size: Annotated[int, Field(ge=1, le=5000, validation_alias=AliasChoices("batch_size", "turn_size"))] = 500
    """The most deliveries that one batch claims. TURN_SIZE, its former name, is deprecated and still read."""
    carrier_connections: Annotated[int, Field(ge=1, le=5000)] = 500
    """Connections that a worker process keeps to the carrier: the most deliveries it has in flight at once."""
    carrier_timeout_seconds: Annotated[float, Field(gt=0, le=120)] = 15.0
    """How long to wait for the carrier's reply to a submission. Without a reply in this time it is in doubt."""
    lease_seconds: Annotated[float, Field(ge=1, le=240)] = 120.0
    """How long a claim holds. It must be longer than a whole batch can take."""
    retry_limit: Annotated[int, Field(ge=0, le=20)] = 5
    """Retries after transient refusals before the delivery fails."""
    retry_age_seconds: Annotated[float, Field(gt=0)] = 24 * 3600.0
    """A delivery older than this fails as too late instead of being sent. docs/time.md defines the age."""

    reconcile_first_seconds: Annotated[float, Field(gt=0)] = 15.0
    """The delay between a lost reply and the first look-up in the carrier's list. The callback usually comes first."""
    reconcile_reads: Annotated[int, Field(ge=2)] = 3
    """Look-ups that must miss a delivery before it is sent again. One is not enough: the carrier's list may lag."""
    reconcile_seconds: Annotated[float, Field(gt=0)] = 300.0
    """The least time between the first and the last of these look-ups: far longer than a request can be under way."""
    receipt_after_seconds: Annotated[float, Field(gt=0)] = 900.0
    """Without a callback for this long after the carrier accepted a delivery, its status is fetched."""
    receipt_give_up_seconds: Annotated[float, Field(gt=0)] = 72 * 3600.0
    """After this, a delivery's status is no longer fetched: carriers do not keep it."""

    texts_kept_days: Annotated[int, Field(ge=60, le=36_500)] = 400
    """Days after a message is settled in which its text, its target and its deliveries' addresses are kept."""
    deliveries_kept_days: Annotated[int, Field(ge=60, le=36_500)] = 400
    """Days after a message is settled in which its deliveries are kept. Its counts are kept for ever."""
    receipts_kept_days: Annotated[int, Field(ge=30, le=36_500)] = 60
    """Days in which the carrier's receipts are kept after they were applied to their deliveries."""

    schedules_per_church: Annotated[int, Field(ge=1, le=100_000)] = 200
    """The most schedules with a future run that a church may have, including paused ones."""

    database_pool_size: Annotated[int, Field(ge=1, le=100)] = 8
    """The most PostgreSQL connections of one web process."""

    log_format: Literal["text", "json"] = "text"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="after")
    def _check_lease(self) -> Settings:
        if self.lease_seconds < 2 * self.carrier_timeout_seconds:
            raise ValueError("LEASE_SECONDS: must be at least twice CARRIER_TIMEOUT_SECONDS")
        return self

    @model_validator(mode="after")
    def _check_reconcile_seconds_of_texts(self) -> Settings:
        if self.reconcile_seconds <= self.carrier_timeout_seconds:
            raise ValueError("RECONCILE_SECONDS: must be longer than CARRIER_TIMEOUT_SECONDS")
        return self

    @model_validator(mode="after")
    def _check_reconcile_seconds_of_mails(self) -> Settings:
        if self.smtp_url is not None and self.reconcile_seconds <= self.smtp_timeout_seconds:
            raise ValueError("RECONCILE_SECONDS: must be longer than SMTP_TIMEOUT_SECONDS")
        return self

    @model_validator(mode="after")
    def _check_secret_key(self) -> Settings:
        if self.mail_enabled and self.smtp_url is not None and self.secret_key is None:
            raise ValueError("SECRET_KEY: is missing (it signs the unsubscribe links of mails)")
        return self

    @model_validator(mode="after")
    def _check_mail_server_of_alerts(self) -> Settings:
        if self.alert_mail_to is not None and self.smtp_url is None:
            raise ValueError("ALERT_MAIL_TO: needs SMTP_URL")
        return self

    @model_validator(mode="after")
    def _check_kept_texts(self) -> Settings:
        if self.deliveries_kept_days < self.texts_kept_days:
            raise ValueError("DELIVERIES_KEPT_DAYS: must be at least TEXTS_KEPT_DAYS")
        return self

    @model_validator(mode="after")
    def _check_kept_receipts(self) -> Settings:
        if self.deliveries_kept_days < self.receipts_kept_days:
            raise ValueError("DELIVERIES_KEPT_DAYS: must be at least RECEIPTS_KEPT_DAYS")
        return self

    @property
    def link_base_url(self) -> str:
        """What the short links of churches without a domain of their own begin with, without a slash at the end."""
        return f"https://{self.link_domain}" if self.link_domain else self.public_url.rstrip("/")

    @property
    def default_regions(self) -> tuple[str, ...]:
        return tuple(self.texting_regions.split(","))

    @property
    def cookies_are_secure(self) -> bool:
        if self.secure_cookies is None:
            return self.public_url.startswith("https://")
        return self.secure_cookies


VARIABLES = frozenset(name.upper() for name in Settings.model_fields) | {"TURN_SIZE"}
"""Every environment variable that the settings are read from."""


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment. `overrides` (by field name, for tests) take precedence.

    Raises SettingsError, which names each missing or invalid variable and never shows a value.
    """
    return _load(Settings, overrides)


def load_redis_settings() -> RedisSettings:
    """Read only the variables of Redis and its queues. Raises SettingsError."""
    return _load(RedisSettings, {})


def load_database_settings() -> DatabaseSettings:
    """Read only DATABASE_URL. Raises SettingsError."""
    return _load(DatabaseSettings, {})


_Loaded = TypeVar("_Loaded", bound=BaseSettings)


def _load(kind: type[_Loaded], overrides: dict[str, Any]) -> _Loaded:
    try:
        return kind(**overrides)
    except ValidationError as error:
        raise SettingsError("\n".join(_error_lines(error))) from None


def _error_lines(error: ValidationError) -> list[str]:
    lines: list[str] = []
    for item in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in item["loc"]).upper()
        text = item["msg"].removeprefix("Value error, ")
        if item["type"] == "missing":
            text = "is missing"
        lines.append(f"{name}: {text}" if name else text)
    return lines


def placeholders(settings: Settings) -> list[str]:
    """Return the names of the variables that still have a password or token of .env.example, which everyone knows."""
    values = {name: getattr(settings, name) for name in Settings.model_fields}
    texts = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in values.items()
    }
    return [name.upper() for name, text in texts.items() if isinstance(text, str) and _PLACEHOLDER in text]


def mask_url(url: str) -> str:
    """Return the URL with its password replaced by ***, for logs."""
    masked = re.sub(r"(?<=://)([^:@/]*):.*@", r"\1:***@", url)  # up to the last @: a password may contain / and @
    return re.sub(r"([?&]\w*password=)[^&]*", r"\1***", masked)
