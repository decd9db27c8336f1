"""One status callback, and how it is encoded and signed."""

import hmac
from base64 import b64encode
from dataclasses import dataclass

from tools.sandbox.credentials import Credentials
from tools.sandbox.messages.message import Message, Status
from tools.sandbox.messages.representation import API_VERSION
from tools.sandbox.wire.form import encode_number, encode_repeated


@dataclass(slots=True, kw_only=True, eq=False)
class Callback:
    """Reports that a message reached a status. It is encoded only when it is sent."""

    message: Message
    url: str
    status: Status
    error_code: int | None
    attempts: int = 0

    @property
    def origin(self) -> str:
        """Scheme, host and port: callbacks with the same one share connections."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.partition('/')[0].partition('?')[0]}"


class CallbackWriter:
    """Encodes callbacks for one account: https://www.twilio.com/docs/usage/webhooks/webhooks-security"""

    def __init__(self, credentials: Credentials) -> None:
        self._account_sid = credentials.account_sid
        self._key = credentials.auth_token.encode()

    def write(self, callback: Callback) -> bytes:
        """Return the whole HTTP request. Its form fields are in the order in which they are signed."""
        message, status = callback.message, callback.status
        sid, to, sender = message.sid, message.to, message.sender or ""
        service, code = message.messaging_service_sid, callback.error_code
        signed_code, formed_code = (f"ErrorCode{code}", f"&ErrorCode={code}") if code else ("", "")
        signed_service, formed_service = (
            (f"MessagingServiceSid{service}", f"&MessagingServiceSid={service}") if service else ("", "")
        )
        signed = (
            f"{callback.url}AccountSid{self._account_sid}ApiVersion{API_VERSION}{signed_code}From{sender}"
            f"MessageSid{sid}MessageStatus{status}{signed_service}SmsSid{sid}SmsStatus{status}To{to}"
        )
        body = (
            f"AccountSid={self._account_sid}&ApiVersion={API_VERSION}{formed_code}&From={encode_repeated(sender)}"
            f"&MessageSid={sid}&MessageStatus={status}{formed_service}&SmsSid={sid}&SmsStatus={status}"
            f"&To={encode_number(to)}"
        )
        signature = b64encode(hmac.digest(self._key, signed.encode(), "sha1")).decode()
        origin = callback.origin
        target = callback.url[len(origin) :]
        return (
            f"POST {target if target.startswith('/') else '/' + target} HTTP/1.1\r\n"
            f"Host: {origin.partition('://')[2]}\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"
            f"Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
            f"X-Twilio-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode("ascii")
