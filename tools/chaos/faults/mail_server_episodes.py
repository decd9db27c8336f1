"""How the mail server misbehaves, by name of the episode. Between episodes it only refuses two mailboxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tools.chaos.workload.recipients import MAILBOX_FULL, NO_SUCH_MAILBOX
from tools.sandbox.mail.control import DROP, HANG, MailFault, Step

BASELINE: Sequence[MailFault] = (
    MailFault(at=Step.RCPT, do="550 5.1.1 no such user", only_to=NO_SUCH_MAILBOX),
    MailFault(at=Step.RCPT, do="552 5.2.2 mailbox full", only_to=MAILBOX_FULL),
)


def _some(at: Step, do: str, share: float) -> MailFault:
    return MailFault(at=at, do=do, share=share)


_EPISODES: Mapping[str, Sequence[MailFault]] = {
    "service unavailable": [_some(Step.CONNECT, "421 4.3.2 later", 0.5), _some(Step.MAIL, "421 4.3.2 later", 0.1)],
    "sender deferred": [_some(Step.MAIL, "451 4.3.0 later", 0.2)],
    "recipients deferred": [_some(Step.RCPT, "450 4.2.0 greylisted", 0.4)],
    "content deferred": [_some(Step.DATA, "451 4.3.0 later", 0.2), _some(Step.DOT, "452 4.3.1 no space", 0.2)],
    "cut off before the dot": [_some(Step.RCPT, DROP, 0.1), _some(Step.DATA, DROP, 0.1), _some(Step.BODY, DROP, 0.2)],
    "cut off at the dot, not accepted": [_some(Step.DOT, DROP, 0.3)],
    "accepted, then cut off": [_some(Step.ACCEPTED, DROP, 0.3)],
    "accepted, then silent": [_some(Step.ACCEPTED, HANG, 0.1)],
    "silent before the dot": [_some(Step.MAIL, HANG, 0.05), _some(Step.BODY, HANG, 0.05)],
    "silent at the dot, not accepted": [_some(Step.DOT, HANG, 0.1)],
    "everything at once": [
        _some(Step.CONNECT, "421 4.3.2 later", 0.1),
        _some(Step.CONNECT, DROP, 0.05),
        _some(Step.RCPT, "450 4.2.0 greylisted", 0.1),
        _some(Step.BODY, DROP, 0.05),
        _some(Step.DOT, DROP, 0.05),
        _some(Step.ACCEPTED, DROP, 0.1),
        _some(Step.ACCEPTED, HANG, 0.02),
    ],
}
MAIL_SERVER_EPISODES: Mapping[str, Sequence[MailFault]] = {
    name: [*BASELINE, *faults] for name, faults in _EPISODES.items()
}
