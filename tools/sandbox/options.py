"""The command line of the sandbox."""

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, field

from tools.sandbox.callbacks.options import CallbackOptions
from tools.sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN, Credentials
from tools.sandbox.mail import options as mail_options
from tools.sandbox.mail.options import MailOptions
from tools.sandbox.messages.lifecycle import StatusDelays
from tools.sandbox.secret_files import read_secret


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of `python -m tools.sandbox`."""

    host: str = "127.0.0.1"
    port: int = 4010
    credentials: Credentials = field(default_factory=Credentials)
    delays: StatusDelays = field(default_factory=StatusDelays)
    callbacks: CallbackOptions = field(default_factory=CallbackOptions)
    mail: MailOptions = field(default_factory=MailOptions)
    inbound_url: str | None = None
    """Where messages from people are delivered."""


def read_options(arguments: Sequence[str] | None = None) -> Options:
    """Return the options on the command line. Exits with status 2 and a usage line if they are not valid."""
    parser = ArgumentParser(
        prog="python -m tools.sandbox",
        description="Behaves like Twilio's Messages API. Secrets are read from files, because any user of the machine "
        "can see command lines.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="the control API has no password, so keep to loopback (default: 127.0.0.1)"
    )
    parser.add_argument("--port", type=int, default=4010, help="0 picks a free port and prints it (default: 4010)")
    parser.add_argument("--account-sid", default=ACCOUNT_SID)
    parser.add_argument("--auth-token-file", type=read_secret, dest="auth_token", help="file with the token")
    delays, callbacks = StatusDelays(), CallbackOptions()
    parser.add_argument("--sending-after-ms", type=float, default=delays.sending_after_ms)
    parser.add_argument("--sent-after-ms", type=float, default=delays.sent_after_ms)
    parser.add_argument("--finished-after-ms", type=float, default=delays.finished_after_ms)
    parser.add_argument("--callback-connections", type=int, default=callbacks.connections, help="per host")
    parser.add_argument("--callback-attempts", type=int, default=callbacks.attempts)
    parser.add_argument("--callback-backoff-ms", type=float, default=callbacks.backoff_ms)
    parser.add_argument("--callback-timeout-ms", type=float, default=callbacks.timeout_ms)
    parser.add_argument("--inbound-url", help="where messages from people are delivered: the product's /inbound/sms")
    mail_options.add_options(parser)
    parsed = parser.parse_args(arguments)
    return Options(
        host=parsed.host,
        port=parsed.port,
        credentials=Credentials(account_sid=parsed.account_sid, auth_token=parsed.auth_token or AUTH_TOKEN),
        delays=StatusDelays(
            sending_after_ms=parsed.sending_after_ms,
            sent_after_ms=parsed.sent_after_ms,
            finished_after_ms=parsed.finished_after_ms,
        ),
        callbacks=CallbackOptions(
            connections=parsed.callback_connections,
            attempts=parsed.callback_attempts,
            backoff_ms=parsed.callback_backoff_ms,
            timeout_ms=parsed.callback_timeout_ms,
        ),
        mail=mail_options.read(parsed),
        inbound_url=parsed.inbound_url,
    )
