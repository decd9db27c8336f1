"""The sample picture of the sandbox."""

from __future__ import annotations

from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tools.sandbox.control import Sandbox
from tools.sandbox.sample_picture import PNG


def request(url: str, method: str) -> tuple[int, dict[str, str], bytes]:
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=30.0)
    connection.request(method, address.path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, body


@pytest.mark.parametrize(("method", "body"), [("GET", PNG), ("HEAD", b"")])
def test_the_picture_is_served_under_any_name(carrier: Sandbox, method: str, body: bytes) -> None:
    status, headers, received = request(carrier.picture_url("harvest-supper"), method)

    assert (status, received) == (200, body)
    assert (headers["content-type"], headers["content-length"]) == ("image/png", str(len(PNG)))


def test_other_names_and_methods_are_refused(carrier: Sandbox) -> None:
    assert request(f"{carrier.base_url}/_sandbox/pictures/film.mp4", "GET")[0] == 404
    assert request(carrier.picture_url("x"), "DELETE")[0] == 405
