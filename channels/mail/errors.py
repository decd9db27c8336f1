"""What a mail server's refusals mean for a delivery, as data.

Codes: RFC 5321, section 4.2; RFC 4954 for authentication. Finer ones, "enhanced": RFC 3463 and
https://www.iana.org/assignments/smtp-enhanced-status-codes. The first digit says for how long (4 for now, 5 for good);
the other two, as in `1.1`, say why.
"""

from __future__ import annotations

from collections.abc import Mapping

from channels.error_classification import ErrorClassification
from channels.mail.smtp_session import Broken, Refused, Stage
from messaging.submissions import ResultKind

BUSY = 421
"""The server closes the connection, whatever it was asked."""


REASONS: Mapping[str, str] = {
    "1.0": "there is trouble with the address",
    "1.1": "there is no such mailbox",
    "1.2": "there is no such mail domain",
    "1.3": "not an address that the mail server can read",
    "1.6": "the mailbox has moved",
    "1.7": "the sender's address cannot be read",
    "1.8": "the sender's address is refused",
    "1.10": "the domain takes no mail",
    "2.0": "there is trouble with the mailbox",
    "2.1": "the mailbox is switched off",
    "2.2": "the mailbox is full",
    "2.3": "the mail is too large for the mailbox",
    "3.0": "the mail server is in trouble",
    "3.1": "the mail server is full",
    "3.2": "the mail server takes no mail now",
    "3.4": "the mail is too large",
    "4.1": "the recipient's mail server does not answer",
    "4.4": "there is no way to the recipient's mail server",
    "4.5": "too many mails",
    "4.7": "the mail could not be handed on in time",
    "5.3": "too many recipients at once",
    "6.0": "the mail's form is refused",
    "7.0": "refused by policy",
    "7.1": "refused by policy",
    "7.8": "the mail server refuses our credentials",
    "7.20": "refused: the mail is not signed by its domain (DKIM)",
    "7.23": "refused: the sender's domain does not name the mail server (SPF)",
    "7.25": "refused: the mail server has no name (reverse DNS)",
    "7.26": "refused: neither SPF nor DKIM speaks for the sender's domain",
}
"""Why, in words for people."""

SENDERS = frozenset({"1.7", "1.8", "7.3", "7.8", "7.9", "7.11", "7.13"})
"""These are of the sender or the account, at whatever stage they come."""
PACE = frozenset({"4.5"})
"""Too much at once, or for today: Gmail says 5.4.5 for the latter."""
OF_ONE_MAIL = frozenset({"2.3", "3.4", "6.0"})
"""Never the sender's fault, although they may come before the recipient is named."""
DEAD_ADDRESS_CODES = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.1"})
"""The address is dead: whoever writes to it again is taken for a spammer."""

CODES: Mapping[tuple[Stage, int], ResultKind] = {
    (Stage.RECIPIENT, 530): ResultKind.SENDER,  # authentication required (RFC 4954)
    (Stage.CONTENT, 530): ResultKind.SENDER,
    (Stage.RECIPIENT, 454): ResultKind.THROTTLED,  # Amazon SES: too fast, or too much for today
    (Stage.CONTENT, 454): ResultKind.THROTTLED,
    (Stage.ACCEPTANCE, 454): ResultKind.THROTTLED,
}
"""Codes that mean something else than their first digit at that stage."""

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
"""Before a recipient is named nobody has looked at the mail: what is refused then is the sender, or the moment."""

_PLACES: Mapping[Stage, str] = {
    Stage.CONNECT: "the mail server refuses us",
    Stage.LOGIN: "the mail server refuses our credentials",
    Stage.SENDER: "the mail server refuses the sender's address",
    Stage.RECIPIENT: "the mail server refuses the recipient",
    Stage.CONTENT: "the mail server refuses the mail",
    Stage.ACCEPTANCE: "the mail server refuses the mail",
}


def refused(refusal: Refused) -> ErrorClassification:
    """What the server's no means. An answer that is neither yes nor no is doubt, once it may have the mail."""
    detail = (refusal.enhanced or "").partition(".")[2]
    reason = REASONS.get(detail, f"{_PLACES[refusal.stage]} ({refusal.enhanced or refusal.code})")
    return ErrorClassification(kind=_kind(refusal, detail), reason=reason)


def broken(failure: Broken) -> ErrorClassification:
    """What a lost connection means: all depends on whether the mail's last dot had left."""
    if failure.distrusted:
        return ErrorClassification(kind=ResultKind.SENDER, reason="the mail server's certificate cannot be verified")
    if failure.stage in (Stage.CONNECT, Stage.LOGIN):
        reason = f"the mail server cannot be reached ({failure.cause_name})"
        return ErrorClassification(kind=ResultKind.THROTTLED, reason=reason)
    if failure.stage is Stage.ACCEPTANCE:
        return ErrorClassification(
            kind=ResultKind.AMBIGUOUS, reason="the mail server did not say whether it took the mail"
        )
    return ErrorClassification(kind=ResultKind.TRANSIENT, reason="the connection was lost before the mail was whole")


def _kind(refusal: Refused, detail: str) -> ResultKind:
    stage, digit = refusal.stage, refusal.code // 100
    if refusal.code == BUSY or detail in PACE:
        return ResultKind.THROTTLED
    if digit == 5 and detail in SENDERS:
        return ResultKind.SENDER
    if digit == 5 and detail in OF_ONE_MAIL:
        return ResultKind.PERMANENT
    if (stage, refusal.code) in CODES:
        return CODES[stage, refusal.code]
    strange = ResultKind.AMBIGUOUS if stage is Stage.ACCEPTANCE else ResultKind.TRANSIENT
    return BY_DIGIT.get((stage, digit), strange)
