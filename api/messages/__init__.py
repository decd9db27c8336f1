"""The endpoints under /api/messages."""

from __future__ import annotations

from api.messages.deliveries import list_deliveries
from api.messages.editing import change_message
from api.messages.lifecycle import cancel_message, pause_message, resume_message, retry_failed
from api.messages.previewing import preview_message
from api.messages.reading import get_message, list_messages
from api.messages.resolving import resolve_deliveries, resolve_delivery
from api.messages.sending import send_message

ENDPOINTS = (
    send_message,
    preview_message,
    list_messages,
    get_message,
    change_message,
    list_deliveries,
    cancel_message,
    pause_message,
    resume_message,
    retry_failed,
    resolve_delivery,
    resolve_deliveries,
)
