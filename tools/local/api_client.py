"""A client of the public API. Standard library only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

_opener = build_opener(ProxyHandler({}))  # no proxy: the API is on this machine


class Refused(Exception):
    """The API answered with an error."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"the API answered {status}: {body}")
        self.status = status


class Unreachable(Exception):
    """The API did not answer."""


@dataclass(frozen=True, kw_only=True)
class ApiClient:
    base_url: str
    key: str = ""
    timeout_seconds: float = 120.0

    def get(self, path: str) -> Any:
        """Return the JSON at the path. Raises Refused and Unreachable."""
        return self._request(Request(self.base_url + path))  # noqa: S310 - always http

    def post(self, path: str, body: object, **headers: str) -> Any:
        """Return the JSON answer. Underscores in `headers` names become hyphens. Raises Refused and Unreachable."""
        request = Request(self.base_url + path, data=json.dumps(body).encode(), method="POST")  # noqa: S310 - http
        request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        return self._request(request)

    def is_ready(self) -> bool:
        """Return whether the API accepts messages now."""
        try:
            self.get("/health/ready")
        except (Refused, Unreachable):
            return False
        return True

    def _request(self, request: Request) -> Any:
        if self.key:
            request.add_header("Authorization", f"Bearer {self.key}")
        try:
            with _opener.open(request, timeout=self.timeout_seconds) as response:
                return json.load(response)
        except HTTPError as error:
            raise Refused(error.code, error.read().decode(errors="replace")) from error
        except (URLError, HTTPException, OSError) as error:
            raise Unreachable(str(error)) from error
