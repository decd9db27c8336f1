"""The operator's login: who can open the dashboard."""

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


def test_an_anonymous_browser_is_redirected_to_the_login(anonymous: OperatorBrowser) -> None:
    answer = anonymous.open("/rq/", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/operator/login")


def test_an_anonymous_script_gets_a_401(anonymous: OperatorBrowser) -> None:
    answer = anonymous.get_json("/rq/0/data/queues.json")
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/rq/requeue/sms", "/rq/job/x/requeue", "/rq/job/x/delete", "/rq/queue/sms/failed/empty"]
)
def test_an_anonymous_request_changes_nothing(anonymous: OperatorBrowser, path: str) -> None:
    assert anonymous.post(path).status_code == 401


def test_the_right_password_leads_to_the_dashboard(anonymous: OperatorBrowser) -> None:
    answer = anonymous.log_in()
    assert answer.status_code == 200
    assert answer.url == anonymous.home + "/rq/"
    assert "RQ dashboard" in answer.text


def test_scripts_and_other_sites_cannot_use_the_cookie(anonymous: OperatorBrowser) -> None:
    anonymous.log_in()
    [cookie] = [cookie for cookie in anonymous.session.cookies if cookie.name == "operator"]
    assert cookie.path == "/"
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "Strict"
    assert cookie.expires is not None
    assert 11.9 * 3600 < cookie.expires - time.time() <= 12 * 3600


def test_with_an_https_url_the_cookie_is_sent_over_https_only(serve: Serve) -> None:
    browser = serve(public_url="https://texting.example.org")
    page = browser.open("/operator/login")
    answer = browser.session.post(page.url, data={"password": PASSWORD}, allow_redirects=False, timeout=60)
    assert answer.headers["Set-Cookie"].startswith("__Host-operator=")
    assert "Secure" in answer.headers["Set-Cookie"]


def test_a_wrong_password_is_refused(anonymous: OperatorBrowser) -> None:
    answer = anonymous.log_in("not it")
    assert answer.status_code == 401
    assert "The name or the password is not correct." in answer.text
    assert not anonymous.session.cookies
    assert anonymous.open("/rq/").url.endswith("/operator/login")


def test_a_forged_cookie_is_refused(anonymous: OperatorBrowser) -> None:
    anonymous.session.cookies.set("operator", "operator.awOEfQ.84mgOd6q4rEUawljWSEGvwNKIPqeG7iBEtS_8trYK6M")
    assert anonymous.open("/rq/").url.endswith("/operator/login")


def test_a_new_password_ends_the_sessions_of_the_old(operator: OperatorBrowser, serve: Serve) -> None:
    other = serve(operator_password=SecretStr("a new password"))
    other.session.cookies.update({cookie.name: cookie.value or "" for cookie in operator.session.cookies})
    assert other.open("/rq/").url.endswith("/operator/login")


def test_after_the_logout_the_dashboard_asks_for_the_password(operator: OperatorBrowser) -> None:
    answer = operator.submit(operator.open("/rq/"))
    assert answer.url.endswith("/operator/login")
    assert operator.open("/rq/").url.endswith("/operator/login")


def test_many_wrong_passwords_are_followed_by_a_pause(redis: Redis, anonymous: OperatorBrowser) -> None:
    for _ in range(login_attempts.ATTEMPTS_A_MINUTE):
        assert anonymous.log_in("guess").status_code == 401
    answer = anonymous.log_in(PASSWORD)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    # Another process of the same service counts the same attempts.
    assert login_attempts.LoginAttempts(redis).wait_seconds("127.0.0.1", name="ruth") > 0


def test_attempts_are_limited_without_redis_too(settings: Settings) -> None:
    away = open_redis(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))
    alone = login_attempts.LoginAttempts(away)
    waits = [alone.wait_seconds("192.0.2.1", name="ruth") for _ in range(login_attempts.ATTEMPTS_A_MINUTE + 1)]
    assert waits[:-1] == [0] * login_attempts.ATTEMPTS_A_MINUTE
    assert waits[-1] > 0
    assert alone.wait_seconds("192.0.2.2", name="amos") == 0


def test_a_login_resets_the_count_of_wrong_passwords(redis: Redis, anonymous: OperatorBrowser) -> None:
    for _ in range(2):
        for _ in range(login_attempts.ATTEMPTS_A_MINUTE - 1):
            assert anonymous.log_in("guess").status_code == 401
        assert anonymous.log_in().status_code == 200


def test_no_password_is_logged(anonymous: OperatorBrowser, caplog: pytest.LogCaptureFixture) -> None:
    anonymous.log_in("a-guess-nobody-may-read")
    anonymous.log_in()
    assert "operator login failed" in caplog.text
    assert "a-guess-nobody-may-read" not in caplog.text
    assert PASSWORD not in caplog.text


def test_a_form_of_another_site_does_not_log_in(anonymous: OperatorBrowser) -> None:
    answer = anonymous.session.post(
        anonymous.home + "/operator/login",
        data={"password": PASSWORD},
        headers={"Origin": "https://evil.example"},
        timeout=60,
    )
    assert answer.status_code == 403
    assert not anonymous.session.cookies


def test_without_operator_password_every_page_answers_503(serve: Serve) -> None:
    browser = serve(operator_password=None)
    for path in ("/rq/", "/rq/0/data/queues.json", "/operator/login"):
        answer = browser.open(path)
        assert answer.status_code == 503
        assert "OPERATOR_PASSWORD" in answer.text
    assert browser.post("/operator/login").status_code == 503
    assert browser.post("/rq/requeue/sms").status_code == 503


def test_without_queues_the_dashboard_answers_404(serve: Serve) -> None:
    browser = serve(enable_queues=False, redis_url=None)
    answer = browser.open("/rq/")
    assert answer.status_code == 404
    assert "Queues are switched off" in answer.text
