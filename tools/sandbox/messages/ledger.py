"""Every message the carrier accepted, in order, in memory."""

from collections import Counter
from collections.abc import Iterator
from secrets import token_hex

from tools.sandbox.messages.bodies import Body
from tools.sandbox.messages.message import Message, Status

_SID_LENGTH = 34


class Ledger:
    """Keeps messages by place, by sid and by recipient."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin anew: no message, and sids unlike those before."""
        self.messages: list[Message] = []
        self.by_status: Counter[Status] = Counter()
        self.sent_more_than_once: dict[str, int] = {}
        """How many messages there are to a number, for the numbers with more than one."""
        self._last_to: dict[str, Message] = {}
        nonce = token_hex(12)
        self._sms_stem, self._mms_stem = f"SM{nonce}", f"MM{nonce}"

    def __len__(self) -> int:
        return len(self.messages)

    @property
    def recipients(self) -> int:
        """How many different numbers got something."""
        return len(self._last_to)

    def add(
        self,
        *,
        to: str,
        sender: str | None,
        messaging_service_sid: str | None,
        body: Body,
        media_urls: tuple[str, ...],
        status_callback: str | None,
        now: float,
    ) -> Message:
        """Write down a new message: `queued`, or `accepted` as long as it has no sender."""
        status: Status = "accepted" if sender is None else "queued"
        previous = self._last_to.get(to)
        message = Message(
            number=len(self.messages),
            sid_stem=self._mms_stem if media_urls else self._sms_stem,
            to=to,
            sender=sender,
            messaging_service_sid=messaging_service_sid,
            body=body,
            media_urls=media_urls,
            status_callback=status_callback,
            status=status,
            created_at=now,
            updated_at=now,
            previous_to=previous,
        )
        self.messages.append(message)
        self._last_to[to] = message
        if previous is not None:
            self.sent_more_than_once[to] = self.sent_more_than_once.get(to, 1) + 1
        self.by_status[status] += 1
        return message

    def move(self, message: Message, status: Status, *, now: float, error_code: int | None = None) -> None:
        """Record that a message has reached a status."""
        self.by_status[message.status] -= 1
        self.by_status[status] += 1
        message.status = status
        message.updated_at = now
        message.error_code = error_code
        if status == "sent":
            message.sent_at = now

    def find(self, sid: str) -> Message | None:
        """The message with this sid, if there is one."""
        try:
            message = self.messages[int(sid[-8:], 16)] if len(sid) == _SID_LENGTH else None
        except (ValueError, IndexError):
            return None
        return message if message is not None and message.sid == sid else None

    def newest_first(self, *, to: str | None = None, before: int | None = None) -> Iterator[Message]:
        """Messages, all or to one number, from the newest back; only those at places below `before`."""
        if to is None:
            start = len(self.messages) if before is None else min(before, len(self.messages))
            for number in range(start - 1, -1, -1):
                yield self.messages[number]
            return
        message = self._last_to.get(to)
        while message is not None:
            if before is None or message.number < before:
                yield message
            message = message.previous_to
