"""The endpoints under /api/inbound and /api/conversations."""

from __future__ import annotations

from api.conversations.history import get_conversation
from api.conversations.inbound_listing import list_inbound
from api.conversations.listing import list_conversations
from api.conversations.read_marks import mark_conversation_read, mark_inbound_read, mark_inbound_unread
from api.conversations.replying import reply_to_conversation, reply_to_inbound

ENDPOINTS = (
    list_inbound,
    mark_inbound_read,
    mark_inbound_unread,
    reply_to_inbound,
    list_conversations,
    get_conversation,
    mark_conversation_read,
    reply_to_conversation,
)
