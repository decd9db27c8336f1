"""Mounts GET /metrics. It needs METRICS_TOKEN; without that setting nothing is there."""

from __future__ import annotations

from flask import Flask, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from api import authentication
from api.authentication import MONITORING
from api.metrics.collector import Collector
from api.services import services
from jobs.job_queue.redis_connection import open_redis

PATH = "/metrics"

_REDIS_SECONDS = 1.0


def mount(app: Flask) -> None:
    """Add the route. Prometheus collects from it; it shows nothing of a single church."""
    shared = services(app)
    settings = shared.settings
    redis = open_redis(settings, timeout_seconds=_REDIS_SECONDS) if settings.enable_queues else None
    registry = CollectorRegistry()
    registry.register(Collector(settings, shared.database, redis))

    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)

    authentication.declare(app, "metrics", MONITORING)
    app.add_url_rule(PATH, view_func=metrics, methods=["GET"], provide_automatic_options=False)
