"""`flask message show`: the whole story of one message."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.message.events import StoryEvent
from api.commands.message.story import GroupStory, MessageStory, read_story
from api.commands.support.command_actor import command_actor
from api.commands.support.json_output import as_json_option, print_json
from api.commands.support.option_types import BadInput
from api.commands.support.tables import print_table, printable, shown_second
from api.commands.support.transaction import transaction
from store import audit
from store.timeouts import OVERVIEW


@click.command("show")
@click.argument("message_id", type=click.UUID)
@click.option("--with-text", is_flag=True, help="Show its text, too. This is recorded in the audit.")
@as_json_option
@with_appcontext
def show_message(message_id: UUID, with_text: bool, as_json: bool) -> None:
    """Show what became of a message, in order.

    Who created it, its audience, pauses, receipts, retries, what became of its deliveries, and what it waits for now.
    Its text is left out, because it is nobody's business but the church's: --with-text shows it.
    """
    with transaction(timeouts=OVERVIEW) as connection:
        story = read_story(connection, message_id)
        if story is None:
            raise BadInput(f"There is no message {message_id}.")
        if with_text:
            audit.record(
                connection,
                actor=command_actor(),
                action="message.text_shown",
                subject=str(message_id),
                church_id=story.church_id,
            )
    if as_json:
        print_json(_plain(story, with_text=with_text))
        return
    _echo_head(story, with_text=with_text)
    click.echo()
    print_table(("AT (UTC)", "WHAT", "DETAIL"), [_event(each) for each in story.events])
    if story.groups:
        click.echo(f"\nDeliveries ({', '.join(story.attempts)})")
        print_table(("COUNT", "STATUS", "REASON", "CODE", "FOR EXAMPLE"), [_group(each) for each in story.groups])
        hidden = story.groups[0].group.found - len(story.groups)
        if hidden:
            click.echo(f"and {hidden:,} more kinds of results")
        click.echo("One of them: flask delivery show DELIVERY_ID")


def _echo_head(story: MessageStory, *, with_text: bool) -> None:
    message = story.message
    segments = "1 segment" if message.segments == 1 else f"{message.segments} segments"
    click.echo(f"Message: {message.message_id} ({message.channel}, {segments} for each recipient)")
    click.echo(f"Church:  {printable(story.church_name)} ({story.church_id})")
    click.echo(f"Status:  {message.status}")
    click.echo(f"Waits:   {printable(story.waits_for or 'no')}")
    if with_text:
        click.echo(f"Text:    {printable(message.content)}")


def _event(event: StoryEvent) -> tuple[str, str, str]:
    until = "" if event.until is None or event.until <= event.at else f" to {shown_second(event.until)[11:]}"
    return f"{shown_second(event.at)}{until}", event.what, event.detail


def _group(story: GroupStory) -> tuple[str, ...]:
    group = story.group
    code = "" if group.error_code is None else group.error_code
    if story.meaning is not None and story.meaning != group.reason:
        code += f" ({story.meaning})"
    return f"{group.deliveries:,}", group.status, group.reason or "", code, str(group.example_id)


def _plain(story: MessageStory, *, with_text: bool) -> dict[str, object]:
    message = story.message
    return {
        "messageId": message.message_id,
        "churchId": story.church_id,
        "churchName": story.church_name,
        "channel": message.channel,
        "status": message.status,
        "segments": message.segments,
        "waitsFor": story.waits_for,
        "events": story.events,
        "deliveries": [
            {
                "status": each.group.status,
                "deliveries": each.group.deliveries,
                "reason": each.group.reason,
                "errorCode": each.group.error_code,
                "meaning": each.meaning,
                "exampleId": each.group.example_id,
            }
            for each in story.groups
        ],
        "attempts": story.attempts,
        **({"text": message.content} if with_text else {}),
    }
