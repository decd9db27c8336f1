"""REDIS_URL of Redis Sentinel: its parts, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.job_queue.sentinel import read_sentinel_url


def test_the_sentinels_the_service_and_the_database() -> None:
    url = read_sentinel_url("redis+sentinel://one.example.org:26380,two.example.org,[::1]:26381,[::2]/mymaster/3")

    assert url.sentinels == (
        ("one.example.org", 26380),
        ("two.example.org", 26379),
        ("::1", 26381),
        ("::2", 26379),
    )
    assert (url.service, url.redis_options["db"]) == ("mymaster", 3)


@pytest.mark.parametrize(
    ("url", "of_redis", "of_sentinels"),
    [
        ("redis+sentinel://h/s", {"db": 0}, {}),
        ("redis+sentinel://:p%40ss@h/s", {"db": 0, "password": "p@ss"}, {}),
        ("redis+sentinel://user:pass@h/s", {"db": 0, "username": "user", "password": "pass"}, {}),
        (
            "redis+sentinel://:one@h/s/2?sentinel_username=watcher&sentinel_password=two",
            {"db": 2, "password": "one"},
            {"username": "watcher", "password": "two"},
        ),
        (
            "rediss+sentinel://h/s?ssl_ca_certs=/etc/ca.pem",
            {"db": 0, "ssl": True, "ssl_ca_certs": "/etc/ca.pem"},
            {"ssl": True, "ssl_ca_certs": "/etc/ca.pem"},
        ),
    ],
)
def test_passwords_and_tls_of_redis_and_of_the_sentinels(
    url: str, of_redis: dict[str, Any], of_sentinels: dict[str, Any]
) -> None:
    parts = read_sentinel_url(url)

    assert (parts.redis_options, parts.sentinel_options) == (of_redis, of_sentinels)


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://h:26379",
        "redis+sentinel://h:26379/",
        "redis+sentinel://h:26379/s/zero",
        "redis+sentinel://h:0/s",
        "redis+sentinel://h:65536/s",
        "redis+sentinel://h:hunter2/s",
        "redis+sentinel://h,,i/s",
        "redis+sentinel://:hunter2@/s",
    ],
)
def test_a_malformed_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="must") as refused:
        read_sentinel_url(url)

    assert "hunter2" not in str(refused.value)


def test_no_password_is_shown() -> None:
    assert "secret" not in repr(read_sentinel_url("redis+sentinel://:secret@h/s?sentinel_password=secret"))
