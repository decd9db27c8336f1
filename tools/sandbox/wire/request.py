"""What a client asked."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Request:
    """One HTTP request, read to its end. Not frozen only because it is made for every one of very many."""

    method: bytes
    target: bytes
    """Path and query as they came, percent signs and all."""
    authorization: bytes
    body: bytes

    @property
    def path(self) -> bytes:
        return self.target.partition(b"?")[0]

    @property
    def query(self) -> bytes:
        return self.target.partition(b"?")[2]
