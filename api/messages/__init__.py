"""Messages: what a church composes, and what became of it."""

from __future__ import annotations

from api.messages.deliveries import list_deliveries
from api.messages.reading import get_message, list_messages
from api.messages.sending import send_message

ENDPOINTS = (send_message, list_messages, get_message, list_deliveries)
