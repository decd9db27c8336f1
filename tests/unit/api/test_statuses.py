"""Every status is explained on the page of the API and in the docs, in the same words."""

from __future__ import annotations

from typing import get_args

from api.documentation import statuses
from api.messages.wait_reasons import Notice, WaitReason
from messaging.states import Status
from store.messages import MessageStatus
from tests.architecture.source_files import ROOT

PAGE = (ROOT / "docs" / "statuses.md").read_text()


def test_every_status_is_documented() -> None:
    assert set(statuses.MESSAGES) == set(get_args(MessageStatus))
    assert list(statuses.DELIVERIES) == list(Status)
    for status, meaning in statuses.MESSAGES.items():
        assert f"| `{status}` | {meaning} |\n" in PAGE
    for status, (final, meaning) in statuses.DELIVERIES.items():
        assert f"| `{status}` | {final} | {meaning} |\n" in PAGE


def test_every_wait_reason_and_every_warning_is_documented() -> None:
    for name in (*get_args(WaitReason), *get_args(Notice.model_fields["code"].annotation)):
        assert f"| `{name}` |" in PAGE
