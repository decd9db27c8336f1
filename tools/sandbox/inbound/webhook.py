"""The webhook of an incoming message: https://www.twilio.com/docs/messaging/guides/webhook-request"""

import hmac
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from tools.sandbox.credentials import Credentials
from tools.sandbox.inbound.inbound_message import InboundMessage
from tools.sandbox.messages.representation import API_VERSION


@dataclass(slots=True, kw_only=True, eq=False)
class InboundWebhook:
    """One delivery of a message to a URL."""

    message: InboundMessage
    url: str
    attempts: int = 0

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}"


class InboundWriter:
    """Encodes and signs webhooks for one account."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def write(self, webhook: InboundWebhook) -> bytes:
        """Return the whole HTTP request. The fragment of the URL (Twilio's overrides) is neither sent nor signed."""
        form = self._form(webhook.message)
        url = webhook.url.partition("#")[0]
        signed = url + "".join(f"{name}{form[name]}" for name in sorted(form))
        key = self._credentials.auth_token.encode()
        signature = b64encode(hmac.digest(key, signed.encode(), "sha1")).decode()
        body = urlencode(form)
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return (
            f"POST {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"
            f"Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
            f"X-Twilio-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode("ascii")

    def _form(self, message: InboundMessage) -> dict[str, str]:
        media = {f"MediaUrl{place}": url for place, url in enumerate(message.media)}
        types = {f"MediaContentType{place}": "image/png" for place in range(len(message.media))}
        optional = {"MessagingServiceSid": message.messaging_service_sid, "OptOutType": message.opt_out_type}
        return {
            "AccountSid": self._credentials.account_sid,
            "ApiVersion": API_VERSION,
            "Body": message.text,
            "From": message.sender,
            "MessageSid": message.sid,
            "NumMedia": str(len(message.media)),
            "NumSegments": "1",
            "SmsMessageSid": message.sid,
            "SmsSid": message.sid,
            "SmsStatus": "received",
            "To": message.to,
            **media,
            **types,
            **{name: value for name, value in optional.items() if value is not None},
        }
