"""Composes the mail of one delivery."""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import localtime
from urllib.parse import urlsplit
from uuid import UUID

from channels.mail.headers import POLICY
from channels.mail.signed_tokens import BounceAddresses, UnsubscribeLinks
from channels.mail.smtp_session import Mail
from channels.mail.text_and_html import html_part, text_part
from messaging.submissions import Envelope
from settings import Settings


class Composer:
    """Composes mails. Holds what all mails of this service share: host, links, bounce addresses."""

    def __init__(self, settings: Settings) -> None:
        self.service_host = service_host(settings)
        self._links = UnsubscribeLinks(settings)
        self._bounces = BounceAddresses(settings)

    def compose(self, envelope: Envelope) -> Mail:
        """The mail of one attempt. All attempts of a delivery have the same Message-ID, which identifies repeats.

        Raises ValueError when the sender or the subject cannot be used in a header.
        """
        sender, details = envelope.sender.address or "", envelope.sender.details
        church = str(details.get("name") or sender)
        subject = str(envelope.details["subject"])
        unsubscribe = self._links.url(envelope.delivery_id, church_id=envelope.church_id, address=envelope.address)
        message = EmailMessage(policy=POLICY)
        message["From"] = Address(display_name=str(details.get("name") or ""), addr_spec=sender)
        message["To"] = Address(addr_spec=envelope.address)
        if reply_to := details.get("replyTo"):
            message["Reply-To"] = Address(addr_spec=str(reply_to))
        message["Subject"] = subject
        message["Date"] = localtime()
        message["Message-ID"] = f"<{message_id(envelope.delivery_id, self.service_host)}>"
        # One click in the mail reader, without a page (RFC 8058).
        message["List-Unsubscribe"] = f"<{unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(text_part(envelope.content, sender=church, unsubscribe=unsubscribe), cte="quoted-printable")
        message.add_alternative(
            html_part(envelope.content, subject=subject, sender=church, unsubscribe=unsubscribe),
            subtype="html",
            cte="quoted-printable",
        )
        return Mail(
            sender=self._bounces.address(envelope.delivery_id, envelope.attempt) or sender,
            recipient=envelope.address,
            raw=message.as_bytes(),
        )


def message_id(delivery_id: UUID, host: str) -> str:
    """The Message-ID of the delivery, without angle brackets: the same for every attempt."""
    return f"{delivery_id}@{host}"


def service_host(settings: Settings) -> str:
    """The host of PUBLIC_URL, as used in EHLO and in message ids."""
    host = urlsplit(settings.public_url).hostname or "localhost"
    return f"[{host}]" if host.replace(".", "").isdecimal() or ":" in host else host
