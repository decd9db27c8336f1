"""The options of the mail server: where it listens and who may log in."""

import ssl
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass, field
from pathlib import Path

from tools.sandbox.secret_files import read_secret


@dataclass(frozen=True, kw_only=True)
class MailOptions:
    """Without a port no mail server is started."""

    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    certificate: Path | None = None
    """PEM file with the private key. If set, STARTTLS is offered."""
    implicit_tls: bool = False
    """TLS from the first byte instead of STARTTLS."""

    def starttls_context(self) -> ssl.SSLContext | None:
        return None if self.implicit_tls else self._context()

    def implicit_context(self) -> ssl.SSLContext | None:
        return self._context() if self.implicit_tls else None

    def _context(self) -> ssl.SSLContext | None:
        if self.certificate is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        return context


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--mail-port", type=int, help="also accept mail on this port; 0 picks a free one (default: no mail server)"
    )
    parser.add_argument("--mail-user", help="user name that clients must log in with (default: no login)")
    parser.add_argument("--mail-password-file", type=read_secret, dest="mail_password", help="file with the password")
    parser.add_argument("--mail-certificate", type=Path, help="PEM file with its key: offer STARTTLS")
    parser.add_argument(
        "--mail-implicit-tls", action="store_true", help="use TLS from the first byte instead of STARTTLS"
    )


def read(arguments: Namespace) -> MailOptions:
    return MailOptions(
        port=arguments.mail_port,
        user=arguments.mail_user,
        password=arguments.mail_password,
        certificate=arguments.mail_certificate,
        implicit_tls=arguments.mail_implicit_tls,
    )
