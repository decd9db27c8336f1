"""A session lasts until it is ended, everywhere at once; the database keeps nothing that opens one."""

from __future__ import annotations

import hashlib

import psycopg
import requests

from tests.integration.operator.conftest import Serve
from tests.integration.operator.operator_browser import PASSWORD, OperatorBrowser


def with_cookie(browser: OperatorBrowser, value: str) -> requests.Response:
    """What a copy of the cookie opens, without the browser that it was copied from."""
    headers = {"Cookie": f"operator={value}", "Accept": "text/html"}
    return requests.get(f"{browser.home}/rq/", headers=headers, timeout=10, allow_redirects=False)


def cookie_of(browser: OperatorBrowser) -> str:
    value = browser.session.cookies.get_dict()["operator"]
    assert value is not None
    return value


def test_a_copy_of_the_cookie_is_worthless_after_the_logout_on_every_process(serve: Serve) -> None:
    one, another_process = serve(), serve()
    one.log_in()
    copied = cookie_of(one)
    assert [with_cookie(server, copied).status_code for server in (one, another_process)] == [200, 200]

    assert one.submit(one.open("/rq/")).url.endswith("/operator/login")

    assert [with_cookie(server, copied).status_code for server in (one, another_process)] == [303, 303]


def test_a_logout_ends_only_the_session_it_was_asked_for(serve: Serve) -> None:
    one, other = serve(), serve()
    one.log_in()
    other.log_in()

    one.submit(one.open("/rq/"))

    assert other.open("/rq/").url.endswith("/rq/")


def test_logging_in_again_ends_the_session_before(operator: OperatorBrowser) -> None:
    before = cookie_of(operator)

    operator.log_in()

    assert cookie_of(operator) != before
    assert with_cookie(operator, before).status_code == 303


def test_the_database_keeps_neither_the_cookie_nor_a_plain_hash_of_it_or_of_the_password(
    operator: OperatorBrowser, superuser_database_url: str
) -> None:
    with psycopg.connect(superuser_database_url) as connection:
        rows = connection.execute("SELECT session_hash, operator_sessions::text FROM operator_sessions").fetchall()

    [(session_hash, whole_row)] = rows
    cookie = cookie_of(operator)
    assert cookie not in whole_row
    assert session_hash not in (hashlib.sha256(text.encode()).digest() for text in (cookie, PASSWORD))


def test_a_session_ends_when_its_hours_are_over_and_its_row_goes_at_the_next_login(
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


def test_without_the_database_nobody_is_let_in_and_the_page_says_why(serve: Serve) -> None:
    away = serve(database_url="postgresql://nobody@127.0.0.1:1/none")

    answers = [away.log_in(), with_cookie(away, "A" * 43)]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert all("database" in answer.text for answer in answers)
