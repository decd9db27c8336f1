"""Every message that the carrier accepted, in order, in memory."""

from collections import Counter
from collections.abc import Iterator
from secrets import token_hex

from tools.sandbox.messages.bodies import Body
from tools.sandbox.messages.message import Message, Status

_SID_LENGTH = 34


class Ledger:
    """Stores messages by position, by sid and by recipient."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Delete all messages. New sids differ from the earlier ones."""
        self.messages: list[Message] = []
        self.by_status: Counter[Status] = Counter()
        self.sent_more_than_once: dict[str, int] = {}
        """The number of messages to each recipient that has more than one."""
        self._last_to: dict[str, Message] = {}
        nonce = token_hex(12)
        self._sms_stem, self._mms_stem = f"SM{nonce}", f"MM{nonce}"

    def __len__(self) -> int:
        return len(self.messages)

    @property
    def recipients(self) -> int:
        """The number of distinct recipients."""
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
        """Store a new message: `queued`, or `accepted` while it has no sender."""
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

    def set_status(self, message: Message, status: Status, *, now: float, error_code: int | None = None) -> None:
        """Record that a message reached a status."""
        self.by_status[message.status] -= 1
        self.by_status[status] += 1
        message.status = status
        message.updated_at = now
        message.error_code = error_code
        if status == "sent":
            message.sent_at = now

    def find(self, sid: str) -> Message | None:
        """Return the message with this sid, or None."""
        try:
            message = self.messages[int(sid[-8:], 16)] if len(sid) == _SID_LENGTH else None
        except (ValueError, IndexError):
            return None
        return message if message is not None and message.sid == sid else None

    def newest_first(self, *, to: str | None = None, before: int | None = None) -> Iterator[Message]:
        """Yield messages, all or to one number, newest first; only those at positions below `before`."""
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
