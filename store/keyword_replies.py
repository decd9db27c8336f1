"""How the service answers keywords such as STOP and HELP for a church."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from messaging.consent_keywords import KeywordKind
from messaging.keyword_replies import ReplyMode, default_reply
from store import sql

_SQL = sql.load("keyword_replies")


@dataclass(frozen=True, kw_only=True, slots=True)
class KeywordReplies:
    church_name: str
    mode: ReplyMode
    opt_out_reply: str | None
    """The church's own text. None: the default, as for the others."""
    opt_in_reply: str | None
    help_reply: str | None

    def text(self, kind: KeywordKind) -> str:
        """Returns the text of the answer to a keyword of this kind."""
        own = {
            KeywordKind.OPT_OUT: self.opt_out_reply,
            KeywordKind.OPT_IN: self.opt_in_reply,
            KeywordKind.HELP: self.help_reply,
        }[kind]
        return own or default_reply(kind, church_name=self.church_name)


def get(connection: Connection[Any], church_id: UUID) -> KeywordReplies | None:
    """Returns what is set for the church; None if the church does not exist."""
    row = connection.execute(_SQL["get_keyword_replies"], {"church_id": church_id}).fetchone()
    if row is None:
        return None
    church_name, mode, opt_out_reply, opt_in_reply, help_reply = row
    return KeywordReplies(
        church_name=church_name,
        mode=ReplyMode(mode),
        opt_out_reply=opt_out_reply,
        opt_in_reply=opt_in_reply,
        help_reply=help_reply,
    )


def save(connection: Connection[Any], church_id: UUID, replies: KeywordReplies) -> None:
    """Replace what is set for the church, except its name."""
    connection.execute(
        _SQL["set_keyword_replies"],
        {
            "church_id": church_id,
            "mode": replies.mode.value,
            "opt_out_reply": replies.opt_out_reply,
            "opt_in_reply": replies.opt_in_reply,
            "help_reply": replies.help_reply,
        },
    )
