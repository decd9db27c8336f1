"""Login attempts are limited per address, per network and overall; a known browser can still log in."""

from __future__ import annotations

import requests
from redis import Redis

from api.operator import login_attempts
from jobs.job_queue.redis_connection import open_redis
from settings import Settings
from tests.integration.operator.conftest import Serve
from tests.integration.operator.operator_browser import PASSWORD, OperatorBrowser


def guess_from(
    browser: OperatorBrowser, address: str, guess: str = "guess", *, name: str = "operator"
) -> requests.Response:
    """One attempt from a client whose address the proxy reports."""
    return requests.post(
        f"{browser.home}/operator/login",
        data={"name": name, "password": guess},
        headers={"X-Forwarded-For": address, "Accept": "text/html"},
        timeout=60,
        allow_redirects=False,
    )


def test_guesses_from_many_addresses_are_limited_together(serve: Serve) -> None:
    browser = serve(trusted_proxies=1)

    answers = [
        guess_from(browser, f"192.0.2.{n}", name=f"name{n}").status_code
        for n in range(login_attempts.ATTEMPTS_A_MINUTE_OVERALL + 1)
    ]

    assert answers == [401] * login_attempts.ATTEMPTS_A_MINUTE_OVERALL + [429]
    refused = guess_from(browser, "198.51.100.1", PASSWORD)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


def test_a_known_browser_logs_in_while_others_guess(serve: Serve) -> None:
    known = serve(trusted_proxies=1)
    known.log_in()
    known.submit(known.open("/rq/"))
    for n in range(login_attempts.ATTEMPTS_A_MINUTE_OVERALL + 1):
        guess_from(known, f"192.0.2.{n}", name=f"name{n % 5}" if n % 2 else "operator")

    assert known.log_in().url.endswith("/rq/")


def test_a_known_browser_logs_in_while_its_own_address_is_refused(
    operator: OperatorBrowser,
) -> None:
    operator.submit(operator.open("/rq/"))
    answers = [guess_from(operator, "ignored") for _ in range(login_attempts.ATTEMPTS_A_MINUTE + 1)]
    assert answers[-1].status_code == 429

    assert operator.log_in().url.endswith("/rq/")


def test_a_known_browser_is_limited_too(operator: OperatorBrowser) -> None:
    operator.submit(operator.open("/rq/"))

    answers = [operator.log_in("guess").status_code for _ in range(login_attempts.ATTEMPTS_A_MINUTE + 1)]

    assert answers == [401] * login_attempts.ATTEMPTS_A_MINUTE + [429]


def test_a_forged_browser_cookie_does_not_raise_the_limit(anonymous: OperatorBrowser) -> None:
    statuses: list[int] = []
    for n in range(login_attempts.ATTEMPTS_A_MINUTE + 1):
        anonymous.session.cookies.set("operator-browser", f"made-up-{n}.1.signature")
        statuses.append(anonymous.log_in("guess").status_code)

    assert statuses[-1] == 429


def test_one_network_of_ipv6_counts_as_one_address(redis: Redis) -> None:
    counted = login_attempts.LoginAttempts(redis)

    waits = [
        counted.wait_seconds(f"2001:db8:0:1::{n:x}", name=f"name{n}")
        for n in range(1, login_attempts.ATTEMPTS_A_MINUTE + 2)
    ]

    assert waits[:-1] == [0] * login_attempts.ATTEMPTS_A_MINUTE
    assert waits[-1] > 0
    assert counted.wait_seconds("2001:db8:0:2::1", name="amos") == 0


def test_refused_attempts_of_one_address_do_not_count_for_all(redis: Redis) -> None:
    counted = login_attempts.LoginAttempts(redis)

    for _ in range(login_attempts.ATTEMPTS_A_MINUTE_OVERALL * 2):
        counted.wait_seconds("192.0.2.1", name="ruth")

    assert counted.wait_seconds("192.0.2.2", name="amos") == 0


def test_the_overall_limit_holds_without_redis_too(settings: Settings) -> None:
    alone = login_attempts.LoginAttempts(open_redis(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})))

    waits = [
        alone.wait_seconds(f"192.0.2.{n}", name=f"name{n}") for n in range(login_attempts.ATTEMPTS_A_MINUTE_OVERALL + 1)
    ]

    assert waits[:-1] == [0] * login_attempts.ATTEMPTS_A_MINUTE_OVERALL
    assert waits[-1] > 0
