"""The official Twilio library, which sends its requests to the sandbox."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, ClientTimeout
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from tools.sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN

TWILIO = "https://api.twilio.com"


class SandboxHttpClient(TwilioHttpClient):
    """Sends requests for Twilio to the sandbox."""

    def __init__(self, base_url: str, timeout_seconds: float) -> None:
        super().__init__(timeout=timeout_seconds)
        self.base_url = base_url

    def request(self, method: str, url: str, *arguments: Any, **named: Any) -> Response:
        assert url.startswith(TWILIO)
        return super().request(method, self.base_url + url.removeprefix(TWILIO), *arguments, **named)


class AsyncSandboxHttpClient(AsyncTwilioHttpClient):
    """The asynchronous client. Must be created inside a running event loop."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self.base_url = base_url

    async def request(self, method: str, url: str, *arguments: Any, **named: Any) -> Response:
        assert url.startswith(TWILIO)
        self.session = self.session or ClientSession(timeout=ClientTimeout(total=30))
        return await super().request(method, self.base_url + url.removeprefix(TWILIO), *arguments, **named)


def sync_client(base_url: str, *, token: str = AUTH_TOKEN, timeout_seconds: float = 30.0) -> Client:
    return Client(ACCOUNT_SID, token, http_client=SandboxHttpClient(base_url, timeout_seconds))


@asynccontextmanager
async def async_client(base_url: str) -> AsyncGenerator[Client]:
    async with AsyncSandboxHttpClient(base_url) as http_client:
        yield Client(ACCOUNT_SID, AUTH_TOKEN, http_client=http_client)
