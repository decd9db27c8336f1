"""Settings are read once. An error names the variable and never shows its value."""

from __future__ import annotations

import os

import pytest
from pydantic import ValidationError

from settings import Settings, SettingsError, load_settings, mask_url

GOOD = {
    "DATABASE_URL": "postgresql://koinonia@db.example.org/koinonia",
    "REDIS_URL": "redis://redis.example.org:6379/0",
    "TWILIO_ACCOUNT_SID": "AC" + "0123456789abcdef" * 2,
    "TWILIO_AUTH_TOKEN": "a-token",
    "PUBLIC_URL": "https://texts.example.org",
}
WRONG = "hunter2-wrong"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*Settings.model_fields, "turn_size"):
        for variable in (name, name.upper()):
            monkeypatch.delenv(variable, raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def test_variables_are_read_and_missing_optional_ones_have_defaults() -> None:
    settings = load_settings()

    assert settings.database_url == GOOD["DATABASE_URL"]
    assert settings.twilio_auth_token.get_secret_value() == GOOD["TWILIO_AUTH_TOKEN"]
    assert settings.enable_queues
    assert settings.twilio_api_base_url == "https://api.twilio.com"


@pytest.mark.parametrize("name", [name for name in GOOD if name != "REDIS_URL"])
@pytest.mark.parametrize("how", ["unset", "empty"])
def test_a_missing_variable_is_reported_by_name(name: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "unset":
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, "")

    with pytest.raises(SettingsError) as refused:
        load_settings()

    assert str(refused.value) == f"{name}: is missing"


def test_all_missing_variables_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in GOOD:
        monkeypatch.delenv(name)

    with pytest.raises(SettingsError) as refused:
        load_settings()

    for name in GOOD.keys() - {"REDIS_URL"}:  # whether Redis is needed is seen once the rest can be read
        assert f"{name}: is missing" in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        name.upper()
        for name in Settings.model_fields
        if name not in {"twilio_auth_token", "operator_password"}  # any text will do
    ],
)
def test_a_malformed_variable_is_reported_without_its_value(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, WRONG)

    with pytest.raises(SettingsError) as refused:
        load_settings()

    assert str(refused.value).startswith(f"{name}: ")
    assert WRONG not in str(refused.value)
    assert refused.value.__cause__ is None  # nothing chained shows it either
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BATCH_SIZE", "0"),
        ("BATCH_SIZE", "5001"),
        ("CARRIER_TIMEOUT_SECONDS", "0"),
        ("LEASE_SECONDS", "0.5"),
        ("TEXTS_KEPT_DAYS", "59"),
        ("DELIVERIES_KEPT_DAYS", "59"),
        ("DELIVERIES_KEPT_DAYS", "36501"),
        ("RECEIPTS_KEPT_DAYS", "29"),
        ("RETRY_LIMIT", "-1"),
        ("DATABASE_POOL_SIZE", "0"),
        ("PUBLIC_URL", "ftp://texts.example.org"),
        ("PUBLIC_URL", "https://"),
        ("TWILIO_ACCOUNT_SID", "AC123"),
        ("DATABASE_URL", "mysql://db.example.org/koinonia"),
        ("REDIS_URL", "http://redis.example.org"),
        ("REDIS_URL", "redis+sentinel://sentinel.example.org:26379"),  # no service
        ("REDIS_URL", "redis+sentinel://sentinel.example.org:port/mymaster"),
        ("DIRECT_DATABASE_URL", "mysql://db.example.org/koinonia"),
        ("LOG_LEVEL", "debug"),
        ("OPERATOR_PASSWORD", "x"),
        ("OPERATOR_PASSWORD", "x" * 11),
        ("OPERATOR_PASSWORD", "x" * 40),
        ("OPERATOR_PASSWORD", "abababababababab"),
    ],
)
def test_a_value_out_of_bounds_is_reported(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=f"^{name}: "):
        load_settings()


@pytest.mark.parametrize(
    ("switch", "address", "error"),
    [("true", "", "REDIS_URL: is missing"), ("false", "", None), ("false", GOOD["REDIS_URL"], None)],
)
def test_redis_url_is_required_only_with_queues(
    switch: str, address: str, error: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENABLE_QUEUES", switch)
    monkeypatch.setenv("REDIS_URL", address)

    if error is None:
        assert load_settings().enable_queues is (switch == "true")
    else:
        with pytest.raises(SettingsError, match=error):
            load_settings()


@pytest.mark.parametrize(
    ("variables", "batch_size"),
    [
        ({"BATCH_SIZE": "7"}, 7),
        ({"TURN_SIZE": "7"}, 7),
        ({"BATCH_SIZE": "7", "TURN_SIZE": "9"}, 7),
        ({"BATCH_SIZE": "", "TURN_SIZE": "9"}, 9),
    ],
)
def test_the_former_name_of_batch_size_is_still_read(
    variables: dict[str, str], batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert load_settings().batch_size == batch_size


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"TEXTS_KEPT_DAYS": "401"}, "DELIVERIES_KEPT_DAYS: must be at least TEXTS_KEPT_DAYS"),
        (
            {"TEXTS_KEPT_DAYS": "60", "DELIVERIES_KEPT_DAYS": "60", "RECEIPTS_KEPT_DAYS": "61"},
            "DELIVERIES_KEPT_DAYS: must be at least RECEIPTS_KEPT_DAYS",
        ),
    ],
)
def test_deliveries_are_kept_at_least_as_long_as_their_texts_and_receipts(
    variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=message):
        load_settings()


def test_a_lease_must_be_longer_than_the_carrier_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARRIER_TIMEOUT_SECONDS", "15")
    monkeypatch.setenv("LEASE_SECONDS", "29")

    with pytest.raises(SettingsError, match="LEASE_SECONDS: must be at least twice CARRIER_TIMEOUT_SECONDS"):
        load_settings()


@pytest.mark.parametrize(
    ("public_url", "secure_cookies", "secure"),
    [
        ("https://texts.example.org", "", True),
        ("http://127.0.0.1:8080", "", False),
        ("http://127.0.0.1:8080", "true", True),
        ("https://texts.example.org", "false", False),
    ],
)
def test_cookies_follow_the_public_url_unless_secure_cookies_is_set(
    public_url: str, secure_cookies: str, secure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_URL", public_url)
    monkeypatch.setenv("SECURE_COOKIES", secure_cookies)

    assert load_settings().cookies_are_secure is secure


def test_a_weak_operator_password_is_refused_with_the_remedy_and_without_its_value() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(operator_password="abc-secret")

    assert str(refused.value).startswith("OPERATOR_PASSWORD: must have 12 characters or more")
    assert "openssl rand" in str(refused.value)
    assert "abc-secret" not in str(refused.value)


def test_settings_cannot_be_changed_and_do_not_print_secrets() -> None:
    settings = load_settings(operator_password=WRONG)

    with pytest.raises(ValidationError):
        settings.batch_size = 1  # pyright: ignore
    assert WRONG not in repr(settings)
    assert GOOD["TWILIO_AUTH_TOKEN"] not in repr(settings)


def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings()

    monkeypatch.setenv("BATCH_SIZE", "7")

    assert os.environ["BATCH_SIZE"] == "7"
    assert settings.batch_size != 7


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("redis://redis.example.org:6379/0", "redis://redis.example.org:6379/0"),
        ("redis://:secret@redis.example.org:6379/0", "redis://:***@redis.example.org:6379/0"),
        ("rediss://default:secret@redis.example.org", "rediss://default:***@redis.example.org"),
        (
            "postgresql://user:s@cret@[::1]:5432/db?sslmode=require",
            "postgresql://user:***@[::1]:5432/db?sslmode=require",
        ),
        ("postgresql://user@db.example.org/db", "postgresql://user@db.example.org/db"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=1"),
        (
            "redis+sentinel://:secret@one:26379,two:26379/main/0?sentinel_password=secret&ssl_ca_certs=/ca.pem",
            "redis+sentinel://:***@one:26379,two:26379/main/0?sentinel_password=***&ssl_ca_certs=/ca.pem",
        ),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, masked: str) -> None:
    assert mask_url(url) == masked
