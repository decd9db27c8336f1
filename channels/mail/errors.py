"""A mail server's reply codes, and how each is classified.

Codes: RFC 5321, section 4.2; RFC 4954 for authentication. Enhanced codes: RFC 3463 and
https://www.iana.org/assignments/smtp-enhanced-status-codes. The first digit is 4 for temporary and 5 for permanent; the
other two numbers, such as `1.1`, give the reason.
"""

from __future__ import annotations

from collections.abc import Mapping

from channels.error_classification import ErrorClassification
from channels.mail.smtp_session import SERVICE_CLOSING, SmtpFailure, SmtpRefusal, Stage
from messaging.submissions import ResultKind

REASONS: Mapping[str, str] = {
    "1.0": "the address has a problem",
    "1.1": "the mailbox does not exist",
    "1.2": "the mail domain does not exist",
    "1.3": "the mail server cannot parse the address",
    "1.6": "the mailbox has moved",
    "1.7": "the mail server cannot parse the sender's address",
    "1.8": "the sender's address is refused",
    "1.10": "the domain does not accept mail",
    "2.0": "the mailbox has a problem",
    "2.1": "the mailbox is disabled",
    "2.2": "the mailbox is full",
    "2.3": "the mail is too large for the mailbox",
    "3.0": "the mail server has a problem",
    "3.1": "the mail server is full",
    "3.2": "the mail server does not accept mail now",
    "3.4": "the mail is too large",
    "4.1": "the recipient's mail server does not respond",
    "4.4": "the recipient's mail server cannot be reached",
    "4.5": "too many mails",
    "4.7": "the mail could not be delivered in time",
    "5.3": "too many recipients at once",
    "6.0": "the mail server does not support the mail's format",
    "7.0": "refused by policy",
    "7.1": "refused by policy",
    "7.8": "the mail server refuses our credentials",
    "7.20": "refused: the mail is not signed by its domain (DKIM)",
    "7.23": "refused: the sender's domain does not allow this mail server (SPF)",
    "7.25": "refused: our mail server has no reverse DNS",
    "7.26": "refused: neither SPF nor DKIM authenticates the sender's domain",
}
"""The reasons, as they are shown to people."""

SENDER_CODES = frozenset({"1.7", "1.8", "7.3", "7.8", "7.9", "7.11", "7.13"})
"""About the sender or the account, at any stage."""
THROTTLE_CODES = frozenset({"4.5"})
"""Too many mails at once or for today. Gmail uses 5.4.5 for its daily limit."""
SINGLE_MAIL_CODES = frozenset({"2.3", "3.4", "6.0"})
"""About one mail, never about the sender, even before a recipient is named."""
DEAD_ADDRESS_CODES = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.1"})
"""The address does not exist any more. Sending to it again harms the sender's reputation."""

CODES: Mapping[tuple[Stage, int], ResultKind] = {
    (Stage.RECIPIENT, 530): ResultKind.SENDER,  # authentication required (RFC 4954)
    (Stage.CONTENT, 530): ResultKind.SENDER,
    (Stage.RECIPIENT, 454): ResultKind.THROTTLED,  # Amazon SES: over the rate or the daily limit
    (Stage.CONTENT, 454): ResultKind.THROTTLED,
    (Stage.ACCEPTANCE, 454): ResultKind.THROTTLED,
}
"""Codes that are classified differently from their first digit at that stage."""

BY_DIGIT: Mapping[tuple[Stage, int], ResultKind] = {
    (Stage.CONNECT, 4): ResultKind.THROTTLED,
    (Stage.CONNECT, 5): ResultKind.SENDER,
    (Stage.LOGIN, 4): ResultKind.THROTTLED,
    (Stage.LOGIN, 5): ResultKind.SENDER,
    (Stage.SENDER, 4): ResultKind.THROTTLED,
    (Stage.SENDER, 5): ResultKind.SENDER,
    (Stage.RECIPIENT, 4): ResultKind.TRANSIENT,
    (Stage.RECIPIENT, 5): ResultKind.PERMANENT,
    (Stage.CONTENT, 4): ResultKind.TRANSIENT,
    (Stage.CONTENT, 5): ResultKind.PERMANENT,
    (Stage.ACCEPTANCE, 4): ResultKind.TRANSIENT,
    (Stage.ACCEPTANCE, 5): ResultKind.PERMANENT,
}
"""By stage and first digit. Before a recipient is named, a refusal is about the sender (5) or temporary (4)."""

_STAGE_REASONS: Mapping[Stage, str] = {
    Stage.CONNECT: "the mail server refuses us",
    Stage.LOGIN: "the mail server refuses our credentials",
    Stage.SENDER: "the mail server refuses the sender's address",
    Stage.RECIPIENT: "the mail server refuses the recipient",
    Stage.CONTENT: "the mail server refuses the mail",
    Stage.ACCEPTANCE: "the mail server refuses the mail",
}


def explain_code(code: str) -> str | None:
    """Return what an enhanced code such as 5.1.1 means, or None if it is not in REASONS."""
    return REASONS.get(code.partition(".")[2])


def classify_refusal(refusal: SmtpRefusal) -> ErrorClassification:
    """Classify a refusal. An unknown code after the whole mail was sent is ambiguous."""
    detail = (refusal.enhanced or "").partition(".")[2]
    reason = REASONS.get(detail, f"{_STAGE_REASONS[refusal.stage]} ({refusal.enhanced or refusal.code})")
    return ErrorClassification(kind=_kind(refusal, detail), reason=reason)


def classify_failure(failure: SmtpFailure) -> ErrorClassification:
    """Classify a lost connection. It is ambiguous only if the dot that ends the mail had been sent."""
    if failure.untrusted_certificate:
        return ErrorClassification(kind=ResultKind.SENDER, reason="the mail server's certificate cannot be verified")
    if failure.stage in (Stage.CONNECT, Stage.LOGIN):
        reason = f"the mail server cannot be reached ({failure.cause_name})"
        return ErrorClassification(kind=ResultKind.THROTTLED, reason=reason)
    if failure.stage is Stage.ACCEPTANCE:
        return ErrorClassification(
            kind=ResultKind.AMBIGUOUS, reason="the mail server did not confirm whether it accepted the mail"
        )
    return ErrorClassification(
        kind=ResultKind.TRANSIENT, reason="the connection was lost before the whole mail was sent"
    )


def _kind(refusal: SmtpRefusal, detail: str) -> ResultKind:
    stage, digit = refusal.stage, refusal.code // 100
    if refusal.code == SERVICE_CLOSING or detail in THROTTLE_CODES:
        return ResultKind.THROTTLED
    if digit == 5 and detail in SENDER_CODES:
        return ResultKind.SENDER
    if digit == 5 and detail in SINGLE_MAIL_CODES:
        return ResultKind.PERMANENT
    if (stage, refusal.code) in CODES:
        return CODES[stage, refusal.code]
    unknown = ResultKind.AMBIGUOUS if stage is Stage.ACCEPTANCE else ResultKind.TRANSIENT
    return BY_DIGIT.get((stage, digit), unknown)
