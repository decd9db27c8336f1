"""How a sandbox is told where to listen and how fast to be."""

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, field

from tools.sandbox.callbacks.manners import Manners
from tools.sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN, Credentials
from tools.sandbox.mail import options as mail_options
from tools.sandbox.mail.options import MailOptions
from tools.sandbox.messages.lifecycle import Pace
from tools.sandbox.secret_files import read_secret


@dataclass(frozen=True, kw_only=True)
class Options:
    """Everything `python -m tools.sandbox` can be given."""

    host: str = "127.0.0.1"
    port: int = 4010
    credentials: Credentials = field(default_factory=Credentials)
    pace: Pace = field(default_factory=Pace)
    manners: Manners = field(default_factory=Manners)
    mail: MailOptions = field(default_factory=MailOptions)


def read_options(arguments: Sequence[str] | None = None) -> Options:
    """The options named on the command line; exits with 2 and a usage line if they make no sense."""
    parser = ArgumentParser(
        prog="python -m tools.sandbox",
        description="A carrier to send to without an account. Secrets are read from files, for arguments can be seen.",
        allow_abbrev=False,
    )
    parser.add_argument("--host", default="127.0.0.1", help="the control API has no password: keep to loopback")
    parser.add_argument("--port", type=int, default=4010, help="0 picks a free one and prints it")
    parser.add_argument("--account-sid", default=ACCOUNT_SID)
    parser.add_argument("--auth-token-file", type=read_secret, dest="auth_token")
    pace, manners = Pace(), Manners()
    parser.add_argument("--sending-after-ms", type=float, default=pace.sending_after_ms)
    parser.add_argument("--sent-after-ms", type=float, default=pace.sent_after_ms)
    parser.add_argument("--finished-after-ms", type=float, default=pace.finished_after_ms)
    parser.add_argument("--callback-connections", type=int, default=manners.connections, help="per host")
    parser.add_argument("--callback-attempts", type=int, default=manners.attempts)
    parser.add_argument("--callback-backoff-ms", type=float, default=manners.backoff_ms)
    parser.add_argument("--callback-timeout-ms", type=float, default=manners.timeout_ms)
    mail_options.add_options(parser)
    given = parser.parse_args(arguments)
    return Options(
        host=given.host,
        port=given.port,
        credentials=Credentials(account_sid=given.account_sid, auth_token=given.auth_token or AUTH_TOKEN),
        pace=Pace(
            sending_after_ms=given.sending_after_ms,
            sent_after_ms=given.sent_after_ms,
            finished_after_ms=given.finished_after_ms,
        ),
        manners=Manners(
            connections=given.callback_connections,
            attempts=given.callback_attempts,
            backoff_ms=given.callback_backoff_ms,
            timeout_ms=given.callback_timeout_ms,
        ),
        mail=mail_options.read(given),
    )
