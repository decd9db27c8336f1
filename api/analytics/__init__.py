"""The endpoints that report what was sent: /api/analytics and /api/usage."""

from __future__ import annotations

from api.analytics.reading import get_analytics
from api.analytics.usage import get_usage

ENDPOINTS = (get_analytics, get_usage)
