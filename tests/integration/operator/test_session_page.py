"""Operators see their own sessions and end them."""

from __future__ import annotations

from collections.abc import Callable

import requests

from store import operator_sessions
from store.database import Database, system_scope
from tests.integration.operator.conftest import Serve, recorded
from tests.integration.operator.operator_browser import PASSWORD_OF_NAMED, OperatorBrowser, Page

AddOperator = Callable[[str], None]
PAGE = "/operator/sessions/"


def forms(answer: requests.Response) -> list[str]:
    """The addresses of the page's forms."""
    return [form.attributes["action"] for form in Page(answer.text).all("form")]


def session_ids(database: Database, name: str) -> list[str]:
    with system_scope(database) as connection:
        return [str(session.session_id) for session in operator_sessions.list_sessions(connection, name=name)]


def send(browser: OperatorBrowser, path: str) -> requests.Response:
    headers = {"Origin": browser.home, "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    return browser.session.post(browser.home + path, headers=headers, timeout=60)


def test_an_operator_ends_one_of_two_sessions(serve: Serve, add_operator: AddOperator, database: Database) -> None:
    here, elsewhere = serve(), serve()
    add_operator("ruth")
    here.log_in(PASSWORD_OF_NAMED, name="ruth")
    elsewhere.log_in(PASSWORD_OF_NAMED, name="ruth")
    page = here.open(PAGE)
    assert page.text.count("(this browser)") == 1
    assert "ruth" in page.text
    own, other = [action for action in forms(page) if action.endswith("/end")]

    answer = send(here, other)

    assert answer.url.endswith(PAGE)
    assert [action for action in forms(answer) if action.endswith("/end")] == [own]
    assert elsewhere.open("/rq/").url.endswith("/operator/login")
    [event] = recorded(database, action="operator.session_ended")
    assert (event.actor, event.details) == ("ruth", {"sessionId": other.split("/")[-2]})


def test_ending_the_own_session_logs_out(operator: OperatorBrowser) -> None:
    [own] = [action for action in forms(operator.open(PAGE)) if action.endswith("/end")]

    assert send(operator, own).url.endswith("/operator/login")
    assert operator.open("/rq/").url.endswith("/operator/login")


def test_all_other_sessions_are_ended(serve: Serve, add_operator: AddOperator, database: Database) -> None:
    here, elsewhere, amos = serve(), serve(), serve()
    add_operator("ruth")
    add_operator("amos")
    here.log_in(PASSWORD_OF_NAMED, name="ruth")
    elsewhere.log_in(PASSWORD_OF_NAMED, name="ruth")
    amos.log_in(PASSWORD_OF_NAMED, name="amos")

    send(here, PAGE + "end-others")

    assert here.open("/rq/").url.endswith("/rq/")
    assert elsewhere.open("/rq/").url.endswith("/operator/login")
    assert amos.open("/rq/").url.endswith("/rq/")


def test_the_session_of_another_operator_is_neither_shown_nor_ended(
    serve: Serve, add_operator: AddOperator, database: Database
) -> None:
    ruth, amos = serve(), serve()
    add_operator("ruth")
    add_operator("amos")
    ruth.log_in(PASSWORD_OF_NAMED, name="ruth")
    amos.log_in(PASSWORD_OF_NAMED, name="amos")
    [of_amos] = session_ids(database, "amos")

    assert of_amos not in ruth.open(PAGE).text
    assert send(ruth, f"{PAGE}{of_amos}/end").status_code == 404
    assert amos.open("/rq/").url.endswith("/rq/")


def test_without_a_session_the_page_leads_to_the_login(anonymous: OperatorBrowser) -> None:
    assert anonymous.open(PAGE).url.endswith("/operator/login")
    assert send(anonymous, PAGE + "end-others").url.endswith("/operator/login")


def test_a_page_of_another_site_ends_no_session(operator: OperatorBrowser) -> None:
    [own] = [action for action in forms(operator.open(PAGE)) if action.endswith("/end")]

    for path in (own, PAGE + "end-others"):
        assert operator.post(path, Origin="https://evil.example").status_code == 403
    assert operator.open("/rq/").url.endswith("/rq/")


def test_the_front_page_of_the_dashboard_leads_to_the_sessions(operator: OperatorBrowser) -> None:
    links = [link.attributes.get("href") for link in Page(operator.open("/rq/").text).all("a")]

    assert PAGE in links


def test_the_pages_can_be_used_with_a_screen_reader(operator: OperatorBrowser) -> None:
    """Every field has a label, every button a name, the table a caption and headings; there is one main heading."""
    for path in (PAGE, "/operator/login"):
        page = Page(operator.open(path).text)
        assert page.all("html")[0].attributes["lang"] == "en"
        assert [len(page.all(tag)) for tag in ("main", "h1")] == [1, 1]
        labelled = {label.attributes["for"] for label in page.all("label")}
        assert {field.attributes["id"] for field in page.all("input")} == labelled
        assert all(button.text.strip() for button in page.all("button"))
    page = Page(operator.open(PAGE).text)
    assert page.all("caption")
    assert {heading.attributes["scope"] for heading in page.all("th")} == {"col", "row"}
