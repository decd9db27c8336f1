"""`flask set-replies`: sets how the service answers keywords such as STOP and HELP for a church."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import DEFAULT, BadInput, ChurchId, ReplyText
from api.commands.support.transaction import transaction
from messaging.consent_keywords import KeywordKind
from messaging.keyword_replies import ReplyMode
from store import audit, keyword_replies
from store.keyword_replies import KeywordReplies


@click.command("set-replies")
@click.option("--church", "church_id", type=ChurchId(), required=True, help="The church's id.")
@click.option(
    "--answer",
    type=click.Choice([mode.value for mode in ReplyMode]),
    help="Which keywords are answered: all; remaining, those that the carrier does not answer; or none.",
)
@click.option(
    "--opt-out", "opt_out_reply", type=ReplyText(), help="The answer to STOP. `default`: that of the service."
)
@click.option("--opt-in", "opt_in_reply", type=ReplyText(), help="The answer to START. `default`: that of the service.")
@click.option("--help-text", "help_reply", type=ReplyText(), help="The answer to HELP. `default`: that of the service.")
@with_appcontext
def set_replies(
    church_id: UUID,
    answer: str | None,
    opt_out_reply: str | None,
    opt_in_reply: str | None,
    help_reply: str | None,
) -> None:
    """Set the answers to keywords.

    What is not given stays as it is. `flask church show` lists the answers.
    """
    given = {"opt_out_reply": opt_out_reply, "opt_in_reply": opt_in_reply, "help_reply": help_reply}
    texts = {name: None if text == DEFAULT else text for name, text in given.items() if text is not None}
    if answer is None and not texts:
        raise BadInput("Nothing to set: give --answer, --opt-out, --opt-in or --help-text.")
    with transaction() as connection:
        current = keyword_replies.get(connection, church_id)
        if current is None:
            raise BadInput(f"There is no church {church_id}.")
        new = replace(current, mode=current.mode if answer is None else ReplyMode(answer), **texts)
        keyword_replies.save(connection, church_id, new)
        audit.record(
            connection,
            actor=command_actor(),
            action="church.replies_set",
            subject=str(church_id),
            church_id=church_id,
            details={"answer": new.mode.value, "texts": sorted(texts)},
        )
    for line in shown_replies(new):
        click.echo(line)


def shown_replies(replies: KeywordReplies) -> list[str]:
    """Return one line for the mode and one for each text."""
    texts = (("STOP", KeywordKind.OPT_OUT), ("START", KeywordKind.OPT_IN), ("HELP", KeywordKind.HELP))
    return [f"Answered: {replies.mode.value}", *(f"{word}: {replies.text(kind)}" for word, kind in texts)]
