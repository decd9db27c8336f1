"""The attributes that every cookie of the operator's pages has."""

from __future__ import annotations

from flask import Response, request


class OperatorCookie:
    """One cookie: for the server alone, for requests from our own pages alone, and over HTTPS alone where `secure`."""

    def __init__(self, name: str, *, secure: bool) -> None:
        # Browsers let no other host, and no page over plain HTTP, write a cookie of this prefix (RFC 6265bis, 4.1.3.2).
        self.name = f"__Host-{name}" if secure else name
        self._secure = secure

    def presented(self) -> str:
        """The value in the present request; empty without the cookie."""
        return request.cookies.get(self.name, "")

    def set(self, response: Response, value: str, *, max_age_seconds: int) -> None:
        response.set_cookie(
            self.name,
            value,
            max_age=max_age_seconds,
            path="/",  # both /rq and /operator
            secure=self._secure,
            httponly=True,
            samesite="Strict",
        )

    def delete(self, response: Response) -> None:
        self.set(response, "", max_age_seconds=0)
