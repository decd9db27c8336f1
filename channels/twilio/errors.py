"""Twilio's error codes, and how each is classified.

Source: https://www.twilio.com/docs/api/errors. A code that is not listed is classified by its HTTP status.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from channels.error_classification import ErrorClassification
from messaging.submissions import ResultKind


def _permanent(reason: str, *, opted_out: bool = False) -> ErrorClassification:
    return ErrorClassification(kind=ResultKind.PERMANENT, reason=reason, opted_out=opted_out)


def _sender(reason: str) -> ErrorClassification:
    return ErrorClassification(kind=ResultKind.SENDER, reason=reason)


def _throttled(reason: str) -> ErrorClassification:
    return ErrorClassification(kind=ResultKind.THROTTLED, reason=reason)


SUBMISSION_CODES: Mapping[int, ErrorClassification] = {
    # about the recipient
    21211: _permanent("not a valid phone number"),
    21265: _permanent("a short code cannot receive texts"),
    21266: _permanent("recipient and sender are the same number"),
    21610: _permanent("opted out", opted_out=True),
    21614: _permanent("not a mobile number"),
    21635: _permanent("a landline cannot receive texts"),
    30005: _permanent("unknown or no longer in use"),
    30006: _permanent("a landline or a carrier that cannot be reached"),
    # about this recipient with this sender or account; other recipients are not affected
    21408: _permanent("the account may not send to the recipient's region"),
    21608: _permanent("a trial account sends to verified numbers only"),
    21612: _permanent("the sender cannot reach this recipient"),
    # about the content
    21602: _permanent("the text is empty"),
    21617: _permanent("the text is too long"),
    30004: _permanent("blocked by the recipient or the carrier"),
    30007: _permanent("filtered as spam"),
    30019: _permanent("the content is too large"),
    11200: _permanent("the carrier could not fetch the media"),
    11751: _permanent("the media are too large in total"),
    12300: _permanent("the carrier does not accept media of this type"),
    21620: _permanent("a media URL is not valid"),
    21623: _permanent("too many media"),
    30011: _permanent("the recipient's phone or carrier does not accept picture messages"),
    63019: _permanent("the carrier could not fetch the media"),
    # about the sender or the account: nothing can be sent until a person fixes it
    10001: _sender("the account is not active"),
    20005: _sender("the account is not active"),
    21703: _sender("the messaging service has no numbers"),
    21705: _sender("the messaging service cannot be used"),
    20003: _sender("Twilio refuses the account's credentials"),
    20404: _sender("Twilio does not know the account or the messaging service"),
    21603: _sender("the request names no sender"),
    21212: _sender("the sender's number is not valid"),
    21606: _sender("the sender's number does not belong to the account"),
    21621: _sender("the sender's number cannot send picture messages"),
    21659: _sender("the sender's number is not a Twilio number"),
    21660: _sender("the sender's number does not belong to the account"),
    30002: _sender("the account is suspended"),
    30034: _sender("the sender is not registered for this kind of traffic (A2P 10DLC)"),
    # temporary
    20429: _throttled("too many requests"),
    21611: _throttled("the sender's queue at the carrier is full"),
}
"""How an error at submission is classified."""

RETRYABLE_RECEIPT_CODES: Mapping[str, float] = {
    "30001": 60.0,  # queue overflow
    "30003": 300.0,  # the handset cannot be reached
    "30022": 60.0,  # over the carrier's rate
    "30023": 86_400.0,  # over the carrier's daily limit
    "30027": 86_400.0,
    "63038": 86_400.0,
}
"""Failures reported after acceptance that are tried again, with the first backoff in seconds.

30008 (unknown error) is not among them: the text may have arrived.
"""

OPTED_OUT_CODES: Collection[str] = tuple(str(code) for code, error in SUBMISSION_CODES.items() if error.opted_out)
"""The recipient sent STOP. A messaging service accepts the message first, and reports the code afterwards."""

RECEIPT_REASONS: Mapping[str, str] = {
    "30001": "the sender's queue at the carrier was full",
    "30003": "the phone cannot be reached: it is switched off or out of coverage",
    "30008": "the recipient's carrier reports an unknown error; the text may have arrived",
    "30022": "the rate of the sender's registration is exceeded (A2P 10DLC)",
    "30023": "the daily limit of the sender's registration is reached (A2P 10DLC)",
    "30027": "the daily limit of T-Mobile is reached (A2P 10DLC)",
    "63038": "the account's daily limit is reached",
}
"""What codes mean that are reported only after acceptance. SUBMISSION_CODES has the others."""


def explain_code(code: str) -> str | None:
    """Return what the code means, or None if it is not in the tables."""
    known = SUBMISSION_CODES.get(int(code)) if code.isascii() and code.isdigit() else None
    return known.reason if known else RECEIPT_REASONS.get(code)


def classify(*, code: int | None, http_status: int) -> ErrorClassification:
    """Classify an error response. Any status below 500 means that Twilio did not accept the message.

    A 429 was not processed; a 5xx may or may not have been (https://www.twilio.com/docs/usage/rate-limits).
    """
    if http_status >= 500:
        return ErrorClassification(kind=ResultKind.AMBIGUOUS, reason=f"the carrier failed (HTTP {http_status})")
    if code is not None and code in SUBMISSION_CODES:
        return SUBMISSION_CODES[code]
    if http_status in (408, 425, 429):
        return SUBMISSION_CODES[20429]
    if code is None or http_status in (401, 403):
        # Not Twilio's own response: a proxy in between, or a base URL that is not Twilio's.
        return _sender(f"refused before it reached the carrier (HTTP {http_status}, code {code})")
    return _permanent(f"refused by the carrier (code {code})")
