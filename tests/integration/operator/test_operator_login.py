"""Who is let in to the operator's pages, and who is not."""

from __future__ import annotations

import time

import pytest
from pydantic import SecretStr
from redis import Redis

from api.operator import login_attempts
from jobs.job_queue.redis_connection import open_redis
from settings import Settings
from tests.integration.operator.conftest import Serve
from tests.integration.operator.operator_browser import PASSWORD, OperatorBrowser


def test_a_stranger_is_led_to_the_login(stranger: OperatorBrowser) -> None:
    answer = stranger.open("/rq/", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/operator/login")


def test_a_strangers_script_is_told_that_it_must_log_in(stranger: OperatorBrowser) -> None:
    answer = stranger.get_json("/rq/0/data/queues.json")
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/rq/requeue/sms", "/rq/job/x/requeue", "/rq/job/x/delete", "/rq/queue/sms/failed/empty"]
)
def test_a_stranger_changes_nothing(stranger: OperatorBrowser, path: str) -> None:
    assert stranger.post(path).status_code == 401


def test_the_password_opens_the_dashboard(stranger: OperatorBrowser) -> None:
    answer = stranger.log_in()
    assert answer.status_code == 200
    assert answer.url == stranger.home + "/rq/"
    assert "RQ dashboard" in answer.text


def test_the_cookie_is_for_the_server_alone(stranger: OperatorBrowser) -> None:
    stranger.log_in()
    [cookie] = [cookie for cookie in stranger.session.cookies if cookie.name == "operator"]
    assert cookie.path == "/"
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "Strict"
    assert cookie.expires is not None
    assert 11.9 * 3600 < cookie.expires - time.time() <= 12 * 3600


def test_behind_https_the_cookie_is_kept_to_https(serve: Serve) -> None:
    browser = serve(public_url="https://texting.example.org")
    page = browser.open("/operator/login")
    answer = browser.session.post(page.url, data={"password": PASSWORD}, allow_redirects=False, timeout=10)
    assert answer.headers["Set-Cookie"].startswith("__Host-operator=")
    assert "Secure" in answer.headers["Set-Cookie"]


def test_another_password_does_not_open_it(stranger: OperatorBrowser) -> None:
    answer = stranger.log_in("not it")
    assert answer.status_code == 401
    assert "That is not the password." in answer.text
    assert not stranger.session.cookies
    assert stranger.open("/rq/").url.endswith("/operator/login")


def test_a_made_up_cookie_does_not_open_it(stranger: OperatorBrowser) -> None:
    stranger.session.cookies.set("operator", "operator.awOEfQ.84mgOd6q4rEUawljWSEGvwNKIPqeG7iBEtS_8trYK6M")
    assert stranger.open("/rq/").url.endswith("/operator/login")


def test_a_new_password_ends_the_sessions_of_the_old(operator: OperatorBrowser, serve: Serve) -> None:
    other = serve(operator_password=SecretStr("a new password"))
    other.session.cookies.update({cookie.name: cookie.value or "" for cookie in operator.session.cookies})
    assert other.open("/rq/").url.endswith("/operator/login")


def test_logging_out_shuts_the_dashboard(operator: OperatorBrowser) -> None:
    answer = operator.submit(operator.open("/rq/"))
    assert answer.url.endswith("/operator/login")
    assert operator.open("/rq/").url.endswith("/operator/login")


def test_guessing_is_stopped_for_a_while(
    redis: Redis, stranger: OperatorBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.operator.login.WRONG_PASSWORD_PAUSE_SECONDS", 0)
    for _ in range(login_attempts.ATTEMPTS_A_MINUTE):
        assert stranger.log_in("guess").status_code == 401
    answer = stranger.log_in(PASSWORD)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    # Another process of the same service counts the same attempts.
    assert login_attempts.LoginAttempts(redis).wait_seconds("127.0.0.1") > 0


def test_guessing_is_stopped_without_redis_too(settings: Settings) -> None:
    away = open_redis(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))
    alone = login_attempts.LoginAttempts(away)
    waits = [alone.wait_seconds("192.0.2.1") for _ in range(login_attempts.ATTEMPTS_A_MINUTE + 1)]
    assert waits[:-1] == [0] * login_attempts.ATTEMPTS_A_MINUTE
    assert waits[-1] > 0
    assert alone.wait_seconds("192.0.2.2") == 0


def test_knowing_the_password_forgets_the_guesses(
    redis: Redis, stranger: OperatorBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.operator.login.WRONG_PASSWORD_PAUSE_SECONDS", 0)
    for _ in range(2):
        for _ in range(login_attempts.ATTEMPTS_A_MINUTE - 1):
            assert stranger.log_in("guess").status_code == 401
        assert stranger.log_in().status_code == 200


def test_the_password_is_in_no_log(stranger: OperatorBrowser, caplog: pytest.LogCaptureFixture) -> None:
    stranger.log_in("a-guess-nobody-may-read")
    stranger.log_in()
    assert "operator login failed" in caplog.text
    assert "a-guess-nobody-may-read" not in caplog.text
    assert PASSWORD not in caplog.text


def test_another_sites_form_logs_nobody_in(stranger: OperatorBrowser) -> None:
    answer = stranger.session.post(
        stranger.home + "/operator/login",
        data={"password": PASSWORD},
        headers={"Origin": "https://evil.example"},
        timeout=10,
    )
    assert answer.status_code == 403
    assert not stranger.session.cookies


def test_without_a_password_everything_is_shut(serve: Serve) -> None:
    browser = serve(operator_password=None)
    for path in ("/rq/", "/rq/0/data/queues.json", "/operator/login"):
        answer = browser.open(path)
        assert answer.status_code == 503
        assert "OPERATOR_PASSWORD" in answer.text
    assert browser.post("/operator/login").status_code == 503
    assert browser.post("/rq/requeue/sms").status_code == 503


def test_without_queues_there_is_nothing_to_show(serve: Serve) -> None:
    browser = serve(enable_queues=False, redis_url=None)
    answer = browser.open("/rq/")
    assert answer.status_code == 404
    assert "Queues are switched off" in answer.text
