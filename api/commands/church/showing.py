"""`flask church show`: the whole state of one church."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.set_replies import shown_replies
from api.commands.support.church_details import ChurchDetails, read_details
from api.commands.support.json_output import as_json_option, print_json
from api.commands.support.option_types import BadInput, ChurchId
from api.commands.support.tables import print_table, shown_time
from api.commands.support.transaction import transaction
from api.services import services
from messaging.links import PATH
from store.api_keys import ApiKey
from store.church_overview import ChurchState, ListedSchedule, OpenMessage, SenderState


@click.command("show")
@click.argument("church_id", type=ChurchId())
@as_json_option
@with_appcontext
def show_church(church_id: UUID, as_json: bool) -> None:
    """Show the whole state of a church.

    Its senders with the reason of a pause, limits, texting hours, schedules, keys, open messages, and what was sent
    today. Of schedules, keys and open messages, the ten that matter most are shown.
    """
    with transaction() as connection:
        details = read_details(connection, church_id)
    if details is None:
        raise BadInput(f"There is no church {church_id}. `flask church list` shows all.")
    if as_json:
        print_json(details)
        return
    _echo_church(details.church)
    _echo_table("Senders", ("CHANNEL", "FROM", "PACE", "STATE"), [_sender(each, church_id) for each in details.senders])
    _echo_table(
        f"Schedules ({details.schedules_found:,})",
        ("SCHEDULE ID", "CHANNEL", "NEXT RUN", "STATE"),
        [_schedule(each) for each in details.schedules],
    )
    _echo_table(
        f"Keys ({details.keys_found:,})",
        ("KEY ID", "ENDS IN", "LABEL", "LAST USED", "STATE"),
        [_key(each) for each in details.keys],
    )
    _echo_table(
        f"Open messages ({details.open_messages_found:,})",
        ("MESSAGE ID", "CHANNEL", "SEND AT", "STATE", "QUEUED", "SENDING"),
        [_message(each) for each in details.open_messages],
    )
    _echo_today(details)
    click.echo("\nAnswers to keywords")
    for line in shown_replies(details.replies):
        click.echo(line)


def _echo_church(church: ChurchState) -> None:
    settings = services().settings
    limit = settings.daily_segment_limit if church.daily_segment_limit is None else church.daily_segment_limit
    suspended = "no"
    if church.suspended_at is not None:
        suspended = f"since {shown_time(church.suspended_at)}: {church.suspended_reason}"
    for name, value in (
        ("Church", church.name),
        ("Id", str(church.church_id)),
        ("Created", shown_time(church.created_at)),
        ("Suspended", suspended),
        ("Time zone", church.time_zone),
        ("Texting hours", f"{_time_of_day(church.window_opens)}-{_time_of_day(church.window_closes)}"),
        ("Segments today", f"{church.segments_today:,} of {limit:,} ({church.day.isoformat()})"),
        ("Regions", ",".join(church.regions or settings.default_regions)),
        ("Short links", _short_links(church)),
        ("Contacts", f"{church.contacts:,}"),
        ("Opt-outs", f"{church.opt_outs:,}, and {church.sender_opt_outs:,} of single senders"),
    ):
        click.echo(f"{name + ':':<16}{value}")


def _short_links(church: ChurchState) -> str:
    base_url = services().settings.link_base_url if church.link_domain is None else f"https://{church.link_domain}"
    return f"{base_url}{PATH}… ({'by default' if church.shortens_links else 'when a request asks for it'})"


def _echo_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    click.echo(f"\n{title}" if rows else f"\n{title}: none")
    if rows:
        print_table(headings, rows)


def _echo_today(details: ChurchDetails) -> None:
    if not details.today:
        click.echo("\nDeliveries today: none counted yet")
        return
    rolled_up_at = max(each.rolled_up_at for each in details.today)
    rows = [(each.channel, each.status, f"{each.deliveries:,}") for each in details.today]
    _echo_table(f"Deliveries today, as of {shown_time(rolled_up_at)}", ("CHANNEL", "STATUS", "DELIVERIES"), rows)


def _sender(sender: SenderState, church_id: UUID) -> tuple[str, ...]:
    state = "ready"
    if sender.slowed_until is not None:
        state = f"slowed down by the carrier until {shown_time(sender.slowed_until)}"
    if sender.paused_at is not None:
        code = f"{sender.paused_code}: " if sender.paused_code else ""
        state = (
            f"paused since {shown_time(sender.paused_at)} ({code}{sender.paused_reason}); once mended: "
            f"flask resume-sender --church {church_id} --channel {sender.channel}"
        )
    pace = "-" if sender.segments_per_second is None else f"{sender.segments_per_second:g}/s"
    return sender.channel, sender.address or sender.messaging_service_sid or "", pace, state


def _schedule(schedule: ListedSchedule) -> tuple[str, ...]:
    state = "active" if schedule.next_run_at is not None else "ended"
    if schedule.paused_at is not None:
        state = f"paused ({schedule.paused_reason})" if schedule.paused_reason else "paused"
    elif schedule.delay_reason is not None:
        state = f"delayed ({schedule.delay_reason})"
    next_run = "-" if schedule.paused_at is not None else shown_time(schedule.next_run_at, missing="-")
    return str(schedule.schedule_id), schedule.channel, next_run, state


def _key(key: ApiKey) -> tuple[str, ...]:
    state = "valid" if key.expires_at is None else f"expires {shown_time(key.expires_at)}"
    if key.revoked_at is not None:
        state = f"revoked {shown_time(key.revoked_at)}"
    hint = "?" if key.hint is None else f"…{key.hint}"
    return str(key.api_key_id), hint, key.label, shown_time(key.last_used_at, missing="never"), state


def _message(message: OpenMessage) -> tuple[Any, ...]:
    state = "sending" if message.expanded_at is not None else "not expanded yet"
    return (
        str(message.message_id),
        message.channel,
        shown_time(message.send_at),
        "paused" if message.paused_at is not None else state,
        f"{message.queued:,}",
        f"{message.sending:,}",
    )


def _time_of_day(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
