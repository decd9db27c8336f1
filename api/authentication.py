"""Authentication. Every route declares how its callers authenticate; a route that declares nothing refuses all
requests."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from typing import Any

from flask import Flask, current_app, g, request

from api import keys, problems
from api.keys import Scope
from api.problems import RequestRefused
from api.services import services
from store import api_keys
from store.api_keys import KeyHolder

CONFIRMED_AFTER_SECONDS = 1.0
"""A key is checked again if reading the body took at least this long."""
_NAME = "koinonia.authentication"


class AuthenticationScheme(StrEnum):
    """The ways in which a caller can authenticate."""

    KEY = "key"
    """A church's API key with the scope."""
    SIGNATURE = "signature"
    """A carrier's signature, which the view verifies before anything else."""
    OPERATOR = "operator"
    """The operator's session, which the operator pages verify themselves."""
    MONITORING = "monitoring"
    """The token METRICS_TOKEN of whoever collects the metrics. Without that setting the route does not exist."""
    PUBLIC = "public"
    """Anyone. The route returns nothing that belongs to a church."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Authentication:
    """How the callers of a route authenticate. Only keys have a scope."""

    scheme: AuthenticationScheme
    scope: Scope | None = None


SIGNATURE = Authentication(scheme=AuthenticationScheme.SIGNATURE)
OPERATOR = Authentication(scheme=AuthenticationScheme.OPERATOR)
MONITORING = Authentication(scheme=AuthenticationScheme.MONITORING)
PUBLIC = Authentication(scheme=AuthenticationScheme.PUBLIC)


def with_key(scope: Scope) -> Authentication:
    return Authentication(scheme=AuthenticationScheme.KEY, scope=scope)


def install(app: Flask) -> None:
    app.extensions[_NAME] = {}
    app.before_request(_authenticate)


def declare(app: Flask, endpoint: str, authentication: Authentication) -> None:
    """Declare the authentication of the route with this Flask endpoint name."""
    app.extensions[_NAME][endpoint] = authentication


def declared(app: Flask) -> Mapping[str, Authentication]:
    """Return the declared authentication of each route, by its Flask endpoint name."""
    return app.extensions[_NAME]


@contextmanager
def declaring(app: Flask, authentication: Authentication) -> Generator[None]:
    """Declare the same authentication for every route that is added inside the block."""
    before = set(app.view_functions)
    yield
    for endpoint in app.view_functions.keys() - before:
        declare(app, endpoint, authentication)


def caller() -> KeyHolder:
    """Return the holder of the request's key. Only for endpoints that need a key."""
    return g.caller


def confirm_caller() -> None:
    """Check the key again if the body took long to arrive. Raises RequestRefused (401) if it was revoked meanwhile."""
    if time.monotonic() - g.authenticated_at >= CONFIRMED_AFTER_SECONDS:
        _authenticate()


def _authenticate() -> None:
    if request.endpoint is None:
        return  # no such route: Flask answers 404 or 405 next
    authentication = declared(current_app)[request.endpoint]
    if authentication.scheme is AuthenticationScheme.KEY:
        g.authenticated_at = time.monotonic()
        g.caller = _key_holder(authentication.scope)
    elif authentication.scheme is AuthenticationScheme.MONITORING:
        _check_metrics_token()


def _key_holder(scope: Any) -> KeyHolder:
    """Return the holder of the key in the request. Raises RequestRefused with a challenge as in RFC 6750, section 3."""
    key = _bearer("KEY")
    holder = api_keys.find_holder(services().database, keys.hash_key(key)) if keys.looks_like_key(key) else None
    if holder is None:
        raise _unauthorized(_refusal_reason(key), 'Bearer error="invalid_token"')
    if scope not in holder.scopes:
        raise RequestRefused(
            problems.FORBIDDEN,
            f"The key lacks the scope {scope}.",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
        )
    return holder


def _bearer(name: str) -> str:
    """Return the credential of the Authorization header. Raises RequestRefused."""
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credential:
        raise _unauthorized(f"The Authorization header is missing or not of the form 'Bearer {name}'.", "Bearer")
    return credential


def _check_metrics_token() -> None:
    """Raises RequestRefused. The time it takes says nothing about the token: two digests are compared."""
    expected = services().settings.metrics_token
    if expected is None:
        raise RequestRefused(problems.NOT_FOUND, "Metrics are switched off: METRICS_TOKEN is not set.")
    if not hmac.compare_digest(_digest(_bearer("METRICS_TOKEN")), _digest(expected.get_secret_value())):
        raise _unauthorized("The token is not METRICS_TOKEN.", 'Bearer error="invalid_token"')


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _refusal_reason(key: str) -> str:
    """Return why the key is refused. A caller needs the whole key to learn that it expired."""
    if keys.looks_like_key(key):
        expired_at = api_keys.expired_at(services().database, keys.hash_key(key))
        if expired_at is not None:
            when = expired_at.astimezone(UTC)
            return f"The key expired on {when:%Y-%m-%d} at {when:%H:%M} UTC. Ask the operator for a new one."
    return "The key is unknown or revoked."


def _unauthorized(detail: str, challenge: str) -> RequestRefused:
    return RequestRefused(problems.NO_KEY, detail, headers={"WWW-Authenticate": challenge})
