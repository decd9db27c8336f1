"""The account that the sandbox accepts."""

from base64 import b64encode
from dataclasses import dataclass

ACCOUNT_SID = "AC" + "5a" * 16
"""The default account of every sandbox, in Twilio's format (AC and 32 hex digits)."""

AUTH_TOKEN = "5a4db0c5" * 4
"""Its token, which signs callbacks and is the Basic password. It is public: it opens nothing but a sandbox."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """One account: its token authenticates clients and signs callbacks."""

    account_sid: str = ACCOUNT_SID
    auth_token: str = AUTH_TOKEN

    @property
    def basic_authorization(self) -> bytes:
        """The `Authorization` header value of this account (RFC 7617)."""
        return b"Basic " + b64encode(f"{self.account_sid}:{self.auth_token}".encode())
