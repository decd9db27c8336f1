"""One text, as an RQ job."""

from with_threads import submit


def send(to: str, body: str) -> None:
    submit(to, body)
