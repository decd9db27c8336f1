"""The operator's browser: its cookies, its forms, and the requests that the dashboard's scripts make."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import requests

PASSWORD = "a long password for the tests"
PASSWORD_OF_NAMED = "another long password of a person"


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""


class Page(HTMLParser):
    """The elements of a page in their order, each with the text directly inside it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if self.elements:
            self.elements[-1].text += data

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]


@dataclass
class OperatorBrowser:
    home: str
    """The address of the server, such as http://127.0.0.1:1234"""
    session: requests.Session = field(default_factory=requests.Session)

    def open(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(urljoin(self.home, path), headers={"Accept": "text/html"}, timeout=60, **options)

    def submit(self, page: requests.Response, **fields: str) -> requests.Response:
        """Fill in and send the page's one form for the login or the logout."""
        [form] = [element for element in Page(page.text).all("form") if "/log" in element.attributes["action"]]
        assert form.attributes["method"] == "post"
        headers = {"Origin": self.home, "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
        return self.session.post(urljoin(page.url, form.attributes["action"]), data=fields, headers=headers, timeout=60)

    def log_in(self, password: str = PASSWORD, *, name: str = "operator") -> requests.Response:
        return self.submit(self.open("/operator/login"), name=name, password=password)

    def get_json(self, path: str) -> requests.Response:
        """As jQuery does."""
        headers = {"X-Requested-With": "XMLHttpRequest", "Accept": "application/json"}
        return self.session.get(urljoin(self.home, path), headers=headers, timeout=60)

    def post(self, path: str, **headers: str) -> requests.Response:
        """As jQuery does. `headers` replace those that a browser sends."""
        sent = headers or {"Origin": self.home, "Sec-Fetch-Site": "same-origin"}
        sent = {name.replace("_", "-"): value for name, value in sent.items()}
        return self.session.post(
            urljoin(self.home, path), headers={"X-Requested-With": "XMLHttpRequest", **sent}, timeout=60
        )
