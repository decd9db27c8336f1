"""The account the sandbox knows."""

from base64 import b64encode
from dataclasses import dataclass

ACCOUNT_SID = "AC" + "5a" * 16
"""The account every sandbox has unless told otherwise; its shape is Twilio's (AC and 32 hex digits)."""

AUTH_TOKEN = "5a4db0c5" * 4
"""Its token: signs callbacks and is the Basic password. Well known on purpose; worth nothing elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """One account: what clients authenticate with and what callbacks are signed with."""

    account_sid: str = ACCOUNT_SID
    auth_token: str = AUTH_TOKEN

    @property
    def basic_authorization(self) -> bytes:
        """The one `Authorization` header value that is let in (RFC 7617)."""
        return b"Basic " + b64encode(f"{self.account_sid}:{self.auth_token}".encode())
