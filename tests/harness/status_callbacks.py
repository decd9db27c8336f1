"""Twilio's status callbacks as they arrive: whole HTTP requests, signed like Twilio's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode
from uuid import UUID, uuid4

from twilio.request_validator import RequestValidator

FORM = "application/x-www-form-urlencoded; charset=UTF-8"


@dataclass(frozen=True, kw_only=True)
class SignedCallbacks:
    """Makes the callbacks of one account to one public URL."""

    public_url: str
    token: str

    def callback(self, status: str = "delivered", *, query: str = "", **fields: str) -> StatusCallback:
        """A callback about a new text. `fields` are added to the form, or replace what it has."""
        form = {
            "AccountSid": "AC" + "0" * 32,
            "From": "+12025550100",
            "MessageSid": f"SM{uuid4().hex}",
            "MessageStatus": status,
            "To": "+12025550123",
            **fields,
        }
        return StatusCallback(callbacks=self, delivery_id=uuid4(), form=form, query=query)


@dataclass(frozen=True, kw_only=True)
class StatusCallback:
    callbacks: SignedCallbacks
    delivery_id: UUID
    form: Mapping[str, str]
    query: str = ""
    attempt: int = 1
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def path(self) -> str:
        return f"/callbacks/sms/{self.delivery_id}/{self.attempt}{self.query}"

    @property
    def carrier_id(self) -> str:
        return self.form["MessageSid"]

    def signature(self) -> str:
        url = self.callbacks.public_url + self.path
        return RequestValidator(self.callbacks.token).compute_signature(url, dict(self.form))

    def body(self) -> bytes:
        return urlencode(self.form).encode()

    def head(self, *, version: str = "1.1", replaced: Mapping[str, str | None] | None = None) -> bytes:
        """The head of the request. `replaced` adds or replaces headers; None removes one."""
        headers: dict[str, str | None] = {
            "Host": "texts.example.org",
            "User-Agent": "TwilioProxy/1.1",
            "Content-Type": FORM,
            "X-Twilio-Signature": self.signature(),
            "Content-Length": str(len(self.body())),
            **(replaced or {}),
        }
        lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        return "\r\n".join([f"POST {self.path} HTTP/{version}", *lines, "", ""]).encode()

    def request(self, *, version: str = "1.1", replaced: Mapping[str, str | None] | None = None) -> bytes:
        return self.head(version=version, replaced=replaced) + self.body()
