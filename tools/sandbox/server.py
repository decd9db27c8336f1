"""The running carrier: its parts, its socket, its end."""

import asyncio
import gc
import signal
import sys

from tools.sandbox.callbacks.callback import Writer
from tools.sandbox.callbacks.dispatch import Dispatch
from tools.sandbox.control_api import ControlApi
from tools.sandbox.desk import Desk
from tools.sandbox.mail.control_api import MailControlApi
from tools.sandbox.mail.server import MailServer
from tools.sandbox.messages.create import CreateMessage
from tools.sandbox.messages.ledger import Ledger
from tools.sandbox.messages.lifecycle import Lifecycle
from tools.sandbox.messages.read import ReadMessages
from tools.sandbox.messages.representation import Representation
from tools.sandbox.options import Options
from tools.sandbox.router import Router
from tools.sandbox.wheel import Wheel
from tools.sandbox.wire.protocol import ServerProtocol

BACKLOG = 1_024
"""Connections the kernel may hold ready for us: load tests open hundreds at once."""


def build(options: Options, loop: asyncio.AbstractEventLoop, mail: MailServer | None = None) -> Router:
    """Put the parts together."""
    wheel, ledger = Wheel(loop), Ledger()
    representation = Representation(options.credentials.account_sid)
    dispatch = Dispatch(loop=loop, wheel=wheel, writer=Writer(options.credentials), manners=options.manners)
    lifecycle = Lifecycle(ledger, wheel=wheel, pace=options.pace, on_status=dispatch.tell)
    desk = Desk(ledger=ledger, wheel=wheel, lifecycle=lifecycle, dispatch=dispatch)
    return Router(
        credentials=options.credentials,
        desk=desk,
        create=CreateMessage(ledger=ledger, lifecycle=lifecycle, representation=representation),
        read=ReadMessages(ledger=ledger, representation=representation),
        control=ControlApi(desk),
        mail_control=MailControlApi(mail),
        representation=representation,
    )


async def serve(options: Options) -> int:
    """Listen until SIGTERM or SIGINT. Returns the exit code: 1 if the address could not be had."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for end in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(end, ended.set)
    connections: set[asyncio.Protocol] = set()
    mail = None
    try:
        if options.mail.port is not None:
            mail = await asyncio.to_thread(MailServer, options.mail, host=options.host)
        router = build(options, loop, mail)
        server = await loop.create_server(
            lambda: ServerProtocol(router.answer, loop=loop, open_connections=connections),
            options.host,
            options.port,
            backlog=BACKLOG,
        )
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        place = f"{options.host}:{options.port}" if mail or options.mail.port is None else f"port {options.mail.port}"
        sys.stderr.write(f"sandbox carrier cannot listen on {place}: {reason}\n")
        return 1
    port = server.sockets[0].getsockname()[1]
    # Messages are never garbage before a reset: look through a million of them seldom.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    sys.stdout.write(f"sandbox carrier listening on http://{options.host}:{port}\n")
    sys.stdout.flush()
    await ended.wait()
    server.close()
    return 0
