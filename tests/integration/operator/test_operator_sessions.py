"""A session ends in every process at once, and nothing in the database opens one."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import psycopg
import pytest
import requests

from store.timeouts import WEB
from tests.integration.operator.conftest import Serve
from tests.integration.operator.operator_browser import PASSWORD, OperatorBrowser


def with_cookie(browser: OperatorBrowser, value: str) -> requests.Response:
    """The answer to a client that has only a copy of the cookie."""
    headers = {"Cookie": f"operator={value}", "Accept": "text/html"}
    return requests.get(f"{browser.home}/rq/", headers=headers, timeout=60, allow_redirects=False)


def cookie_of(browser: OperatorBrowser) -> str:
    value = browser.session.cookies.get_dict()["operator"]
    assert value is not None
    return value


def test_a_copied_cookie_is_refused_by_every_process_after_the_logout(serve: Serve) -> None:
    one, another_process = serve(), serve()
    one.log_in()
    copied = cookie_of(one)
    assert [with_cookie(server, copied).status_code for server in (one, another_process)] == [200, 200]

    assert one.submit(one.open("/rq/")).url.endswith("/operator/login")

    assert [with_cookie(server, copied).status_code for server in (one, another_process)] == [303, 303]


def test_a_logout_ends_only_its_own_session(serve: Serve) -> None:
    one, other = serve(), serve()
    one.log_in()
    other.log_in()

    one.submit(one.open("/rq/"))

    assert other.open("/rq/").url.endswith("/rq/")


def test_a_new_login_ends_the_previous_session_of_the_browser(operator: OperatorBrowser) -> None:
    before = cookie_of(operator)

    operator.log_in()

    assert cookie_of(operator) != before
    assert with_cookie(operator, before).status_code == 303


def test_the_database_holds_neither_the_cookie_nor_a_plain_hash_of_it_or_of_the_password(
    operator: OperatorBrowser, superuser_database_url: str
) -> None:
    with psycopg.connect(superuser_database_url) as connection:
        rows = connection.execute("SELECT session_hash, operator_sessions::text FROM operator_sessions").fetchall()

    [(session_hash, whole_row)] = rows
    cookie = cookie_of(operator)
    assert cookie not in whole_row
    assert session_hash not in (hashlib.sha256(text.encode()).digest() for text in (cookie, PASSWORD))


def test_a_session_expires_after_12_hours_and_the_next_login_deletes_it(
    serve: Serve, superuser_database_url: str
) -> None:
    browser, next_one = serve(), serve()
    browser.log_in()
    with psycopg.connect(superuser_database_url) as connection:
        lasts = connection.execute("SELECT extract(epoch FROM expires_at - created_at) FROM operator_sessions")
        assert lasts.fetchall() == [(12 * 3600,)]
        connection.execute("UPDATE operator_sessions SET expires_at = now() - interval '1 second'")

    assert browser.open("/rq/").url.endswith("/operator/login")

    next_one.log_in()
    with psycopg.connect(superuser_database_url) as connection:
        assert connection.execute("SELECT count(*) FROM operator_sessions").fetchone() == (1,)


def test_without_the_database_the_login_answers_503_with_the_reason(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.timeouts.WEB", replace(WEB, connection=0.3))  # seconds
    away = serve(database_url="postgresql://nobody@127.0.0.1:1/none")

    answers = [away.log_in(), with_cookie(away, "A" * 43)]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert all("database" in answer.text for answer in answers)
