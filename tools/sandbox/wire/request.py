"""An HTTP request."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Request:
    """One complete HTTP request. Not frozen, because creating frozen dataclasses is slower and there are very many."""

    method: bytes
    target: bytes
    """Path and query as received, not decoded."""
    authorization: bytes
    body: bytes

    @property
    def path(self) -> bytes:
        return self.target.partition(b"?")[0]

    @property
    def query(self) -> bytes:
        return self.target.partition(b"?")[2]
