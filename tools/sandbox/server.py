"""Builds the sandbox, listens, and stops on a signal."""

import asyncio
import gc
import signal
import sys

from tools.sandbox.account.resources import AccountResources
from tools.sandbox.callbacks.callback import CallbackWriter
from tools.sandbox.callbacks.dispatch import Dispatch
from tools.sandbox.control_api import ControlApi
from tools.sandbox.inbound.control import InboundControl
from tools.sandbox.inbound.delivery import InboundDelivery
from tools.sandbox.inbound.opt_out_list import OptOutList
from tools.sandbox.inbound.webhook import InboundWriter
from tools.sandbox.mail.control_api import MailControlApi
from tools.sandbox.mail.server import MailServer
from tools.sandbox.messages.create import CreateMessage
from tools.sandbox.messages.ledger import Ledger
from tools.sandbox.messages.lifecycle import Lifecycle
from tools.sandbox.messages.read import ReadMessages
from tools.sandbox.messages.representation import Representation
from tools.sandbox.options import Options
from tools.sandbox.router import Router
from tools.sandbox.state import SandboxState
from tools.sandbox.timers import Timers
from tools.sandbox.wire.protocol import ServerProtocol

BACKLOG = 1_024
"""Pending connections that the kernel queues: load tests open hundreds at once."""


def build(options: Options, loop: asyncio.AbstractEventLoop, mail: MailServer | None = None) -> Router:
    """Create the components and return the router in front of them."""
    timers, ledger = Timers(loop), Ledger()
    account = AccountResources(options.credentials.account_sid)
    representation = Representation(options.credentials.account_sid)
    dispatch = Dispatch(loop=loop, timers=timers, writer=CallbackWriter(options.credentials), options=options.callbacks)
    lifecycle = Lifecycle(ledger, timers=timers, delays=options.delays, on_status=dispatch.on_status)
    opt_outs = OptOutList()
    inbound = InboundDelivery(
        loop=loop,
        timers=timers,
        writer=InboundWriter(options.credentials),
        options=options.callbacks,
        opt_outs=opt_outs,
        url=options.inbound_url,
    )
    state = SandboxState(
        ledger=ledger,
        timers=timers,
        lifecycle=lifecycle,
        dispatch=dispatch,
        inbound=inbound,
        opt_outs=opt_outs,
    )
    return Router(
        credentials=options.credentials,
        state=state,
        create=CreateMessage(ledger=ledger, lifecycle=lifecycle, representation=representation, opt_outs=opt_outs),
        read=ReadMessages(ledger=ledger, representation=representation),
        account=account,
        control=ControlApi(state, account, InboundControl(inbound, opt_outs)),
        mail_control=MailControlApi(mail),
        representation=representation,
    )


async def serve(options: Options) -> int:
    """Listen until SIGTERM or SIGINT. Returns the exit status: 1 if the address could not be bound."""
    loop = asyncio.get_running_loop()
    stop_requested = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_requested.set)
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
    # Messages live until a reset, and there may be a million: collect garbage rarely.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    sys.stdout.write(f"sandbox carrier listening on http://{options.host}:{port}\n")
    sys.stdout.flush()
    await stop_requested.wait()
    server.close()
    return 0
