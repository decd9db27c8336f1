"""A message as Twilio's JSON. A template is filled in, because json.dumps() takes several times as long."""

from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from tools.sandbox.messages.errors import LATER_ERRORS
from tools.sandbox.messages.message import Message

API_VERSION = "2010-04-01"


@lru_cache(maxsize=4096)
def _rfc2822(second: int) -> str:
    """Return a time as a JSON string in RFC 2822 format, such as "Thu, 24 Aug 2023 05:01:45 +0000"."""
    return f'"{format_datetime(datetime.fromtimestamp(second, UTC))}"'


@lru_cache(maxsize=4096)
def _literal(text: str | None) -> str:
    """Return a validated value (a number, a sender, a sid) as JSON; none of them needs escaping."""
    return "null" if text is None else f'"{text}"'


class Representation:
    """Renders messages of one account as JSON."""

    def __init__(self, account_sid: str) -> None:
        self.messages_path = f"/{API_VERSION}/Accounts/{account_sid}/Messages"
        self._opening = f'{{"account_sid":"{account_sid}","api_version":"{API_VERSION}","body":'

    def render(self, message: Message) -> str:
        """Return the whole resource: https://www.twilio.com/docs/messaging/api/message-resource#message-properties"""
        sid = message.sid
        uri = f"{self.messages_path}/{sid}"
        code = message.error_code
        reason = "null" if code is None else f'"{LATER_ERRORS[code]}"'
        return (
            f'{self._opening}{message.body.literal},"date_created":{_rfc2822(int(message.created_at))},'
            f'"date_sent":{"null" if message.sent_at is None else _rfc2822(int(message.sent_at))},'
            f'"date_updated":{_rfc2822(int(message.updated_at))},"direction":"outbound-api",'
            f'"error_code":{"null" if code is None else code},"error_message":{reason},'
            f'"from":{_literal(message.sender)},'
            f'"messaging_service_sid":{_literal(message.messaging_service_sid)},'
            f'"num_media":"{len(message.media_urls)}","num_segments":"{message.num_segments}",'
            f'"price":{_price(message)},"price_unit":"USD","sid":"{sid}","status":"{message.status}",'
            f'"subresource_uris":{{"media":"{uri}/Media.json"}},'
            f'"to":"{message.to}","uri":"{uri}.json"}}'
        )


def _price(message: Message) -> str:
    """Return the price, which is null until the message is sent, as at Twilio. The rates are arbitrary."""
    if message.sent_at is None:
        return "null"
    return f'"-{0.02 if message.media_urls else 0.0079 * message.num_segments:.5f}"'
