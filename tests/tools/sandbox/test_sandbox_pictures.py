"""The sandbox has pictures to send, for who looks at them and for who fetches them."""

from __future__ import annotations

from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tools.sandbox.control import Sandbox
from tools.sandbox.pictures import PNG


def ask(url: str, method: str) -> tuple[int, dict[str, str], bytes]:
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=5.0)
    connection.request(method, address.path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, body


@pytest.mark.parametrize(("method", "body"), [("GET", PNG), ("HEAD", b"")])
def test_a_picture_is_told_and_given_under_any_name(carrier: Sandbox, method: str, body: bytes) -> None:
    status, headers, given = ask(carrier.picture_url("harvest-supper"), method)

    assert (status, given) == (200, body)
    assert (headers["content-type"], headers["content-length"]) == ("image/png", str(len(PNG)))


def test_nothing_else_is_a_picture(carrier: Sandbox) -> None:
    assert ask(f"{carrier.base_url}/_sandbox/pictures/film.mp4", "GET")[0] == 404
    assert ask(carrier.picture_url("x"), "DELETE")[0] == 405
