"""GET /health/live and GET /health/ready, for load balancers and monitoring."""

from __future__ import annotations

from typing import Literal

import psycopg
from pydantic import Field

import logs
from api.authentication import PUBLIC
from api.base_models import ResponseModel
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.services import services
from store.database import system_scope
from store.errors import UnfitDatabase

_log = logs.get_logger(__name__)


class Liveness(ResponseModel):
    """The process responds."""

    status: Literal["alive"] = "alive"


class Check(ResponseModel):
    """Whether a server is available."""

    ok: bool
    reason: str | None = Field(default=None, description="Why the server is not available; null if it is.")


class Checks(ResponseModel):
    """The checks. `redis` is null when queues are disabled."""

    postgresql: Check
    redis: Check | None


class Readiness(ResponseModel):
    """`ready`: everything works. `degraded`: messages are accepted but wait for Redis. `not ready`: no message is
    accepted."""

    status: Literal["ready", "degraded", "not ready"]
    checks: Checks


@endpoint(
    "GET /health/live",
    tag="Health",
    summary="Check whether the process is alive",
    authentication=PUBLIC,
    responses=(ResponseSpec(status=200, description="The process is alive.", content=Liveness),),
)
def live() -> ApiResponse:
    """Returns 200 without connecting to any other server. Restart the process if this fails."""
    return ApiResponse(status=200, content=Liveness())


@endpoint(
    "GET /health/ready",
    tag="Health",
    summary="Check whether messages can be accepted",
    authentication=PUBLIC,
    responses=(
        ResponseSpec(status=200, description="`ready` or `degraded`: messages are accepted.", content=Readiness),
        ResponseSpec(status=503, description="`not ready`: messages are not accepted.", content=Readiness),
    ),
)
def ready() -> ApiResponse:
    """Checks PostgreSQL and Redis. PostgreSQL must respond and be migrated; if it is not migrated, `reason` names the
    command for that. Without Redis, messages are still accepted, and are sent when it is available again."""
    checks = Checks(postgresql=_postgresql(), redis=_redis())
    if not checks.postgresql.ok:
        return ApiResponse(status=503, content=Readiness(status="not ready", checks=checks))
    degraded = checks.redis is not None and not checks.redis.ok
    return ApiResponse(status=200, content=Readiness(status="degraded" if degraded else "ready", checks=checks))


def _postgresql() -> Check:
    try:
        with system_scope(services().database):
            return Check(ok=True)
    except UnfitDatabase as error:
        _log.warning("not ready: the database is not fit for this release", reason=str(error))
        return Check(ok=False, reason=str(error))
    except psycopg.OperationalError as error:
        _log.warning("not ready: PostgreSQL does not respond", error=type(error).__name__)
        return Check(ok=False, reason="PostgreSQL does not respond")


def _redis() -> Check | None:
    if not services().settings.enable_queues:
        return None
    reason = services().job_queue.check()
    return Check(ok=reason is None, reason=reason)
