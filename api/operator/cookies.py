"""The cookies of the operator's pages, with their common attributes."""

from __future__ import annotations

from flask import Response, request


class OperatorCookie:
    """One cookie. Scripts cannot read it, other sites' pages cannot send it, and with `secure` it needs HTTPS."""

    def __init__(self, name: str, *, secure: bool) -> None:
        # With this prefix, browsers accept the cookie only from this host and over HTTPS (RFC 6265bis, 4.1.3.2).
        self.name = f"__Host-{name}" if secure else name
        self._secure = secure

    def presented(self) -> str:
        """Return the value in the current request, or an empty string."""
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
