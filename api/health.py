"""GET /health/live and GET /health/ready, for load balancers and monitoring."""

from __future__ import annotations

from typing import Literal

import psycopg

import logs
from api.authentication import PUBLIC
from api.base_models import ResponseModel
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.services import services
from store.database import system_scope
from store.errors import SchemaMismatch

_log = logs.get_logger(__name__)


class Liveness(ResponseModel):
    """The process responds."""

    status: Literal["alive"] = "alive"


class Check(ResponseModel):
    """The state of a server that is needed, and why it is not available."""

    ok: bool
    reason: str | None = None


class Checks(ResponseModel):
    """The checks. `redis` is null when queues are disabled."""

    postgresql: Check
    redis: Check | None


class Readiness(ResponseModel):
    """ready: all works. degraded: messages are accepted and wait for Redis. not ready: nothing can be accepted."""

    status: Literal["ready", "degraded", "not ready"]
    checks: Checks


@endpoint(
    "GET /health/live",
    tag="Health",
    summary="Is the process alive?",
    authentication=PUBLIC,
    responses=(ResponseSpec(status=200, description="It is.", content=Liveness),),
)
def live() -> ApiResponse:
    """Does not ask any other server. Restart the process when this fails."""
    return ApiResponse(status=200, content=Liveness())


@endpoint(
    "GET /health/ready",
    tag="Health",
    summary="Can messages be accepted?",
    authentication=PUBLIC,
    responses=(
        ResponseSpec(status=200, description="Ready, or degraded.", content=Readiness),
        ResponseSpec(status=503, description="Not ready.", content=Readiness),
    ),
)
def ready() -> ApiResponse:
    """PostgreSQL must respond and be migrated; where it is not, `reason` names the command that migrates it. Without
    Redis messages are still accepted, and are sent when Redis is back."""
    checks = Checks(postgresql=_postgresql(), redis=_redis())
    if not checks.postgresql.ok:
        return ApiResponse(status=503, content=Readiness(status="not ready", checks=checks))
    degraded = checks.redis is not None and not checks.redis.ok
    return ApiResponse(status=200, content=Readiness(status="degraded" if degraded else "ready", checks=checks))


def _postgresql() -> Check:
    try:
        with system_scope(services().database):
            return Check(ok=True)
    except SchemaMismatch as error:
        _log.warning("not ready", reason=str(error))
        return Check(ok=False, reason=str(error))
    except psycopg.OperationalError as error:
        _log.warning("not ready: PostgreSQL does not respond", error=type(error).__name__)
        return Check(ok=False, reason="PostgreSQL does not respond")


def _redis() -> Check | None:
    if not services().settings.enable_queues:
        return None
    reason = services().job_queue.check()
    return Check(ok=reason is None, reason=reason)
