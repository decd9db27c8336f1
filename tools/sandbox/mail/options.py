"""How the mail server is told where to listen, and whom to let in."""

import ssl
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass, field
from pathlib import Path

from tools.sandbox.secret_files import read_secret


@dataclass(frozen=True, kw_only=True)
class MailOptions:
    """Without a port there is no mail server."""

    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    certificate: Path | None = None
    """PEM, its private key included. With one, STARTTLS is offered."""
    implicit_tls: bool = False
    """Encrypted from the first byte instead."""

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
    parser.add_argument("--mail-port", type=int, help="also take mail there; 0 picks a free port")
    parser.add_argument("--mail-user", help="who must log in (default: nobody)")
    parser.add_argument("--mail-password-file", type=read_secret, dest="mail_password")
    parser.add_argument("--mail-certificate", type=Path, help="PEM with its key: offer STARTTLS")
    parser.add_argument("--mail-implicit-tls", action="store_true", help="encrypt from the first byte instead")


def read(given: Namespace) -> MailOptions:
    return MailOptions(
        port=given.mail_port,
        user=given.mail_user,
        password=given.mail_password,
        certificate=given.mail_certificate,
        implicit_tls=given.mail_implicit_tls,
    )
