"""For workers with an event loop: one aiohttp session with one connection for each concurrent job."""

import json

import aiohttp
import carrier

_session: aiohttp.ClientSession | None = None


async def submit(to: str, body: str) -> str:
    """Create one message and return its sid."""
    async with _open_session().post(carrier.URL, data=carrier.form(to, body)) as answer:
        payload = await answer.read()
        if answer.status != 201:
            raise RuntimeError(f"the carrier answered {answer.status}")
        return json.loads(payload)["sid"]


def _open_session() -> aiohttp.ClientSession:
    """Return the session. It is created at the first job, because before that there is no event loop."""
    global _session
    if _session is None:
        _session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=carrier.CONNECTIONS, keepalive_timeout=60.0),
            auth=aiohttp.BasicAuth(carrier.USER, carrier.PASSWORD),
            timeout=aiohttp.ClientTimeout(total=carrier.TIMEOUT_SECONDS),
        )
    return _session
