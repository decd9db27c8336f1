"""GET /health/live and /health/ready."""

from __future__ import annotations

import socket

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.services import services
from settings import Settings


def test_ready_when_all_servers_answer(client: FlaskClient) -> None:
    answer = client.get("/health/ready")

    assert answer.status_code == 200
    assert answer.get_json() == {
        "status": "ready",
        "checks": {"postgresql": {"ok": True, "reason": None}, "redis": {"ok": True, "reason": None}},
    }


def test_degraded_while_redis_is_unreachable(settings: Settings) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{unused.getsockname()[1]}/0"
        app = create_app(settings.model_copy(update={"redis_url": url}))
        answer = app.test_client().get("/health/ready")
        services(app).close()

    assert answer.status_code == 200
    assert answer.get_json()["status"] == "degraded"
    assert not answer.get_json()["checks"]["redis"]["ok"]


def test_redis_is_not_checked_without_queues(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"enable_queues": False, "redis_url": None}))
    answer = app.test_client().get("/health/ready")
    services(app).close()

    assert answer.get_json()["status"] == "ready"
    assert answer.get_json()["checks"]["redis"] is None


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/api/messages", "/nothing"])
def test_every_response_has_the_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store"
