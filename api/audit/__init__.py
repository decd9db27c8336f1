"""The endpoint under /api/audit."""

from __future__ import annotations

from api.audit.listing import list_audit_events

ENDPOINTS = (list_audit_events,)
