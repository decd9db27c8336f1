"""Which faults can be set, and how invalid ones are refused."""

import pytest
import requests

from tools.sandbox.control import Faults, Next, Sandbox, SandboxError
from tools.sandbox.faults.faults import FaultsError

MEMBER = "+15551230001"


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": 1.5},
        {"timeout": -0.1},
        {"timeout": True},
        {"timeout": "often"},
        {"timeout": float("nan")},
        {"latency_ms": -1},
        {"latency_ms": float("inf")},
        {"retry_after_seconds": 1.5},
        {"unsent_unlisted": 1},
        {"only_to": 15551230001},
        {"seed": "x"},
    ],
)
def test_an_invalid_fault_is_refused_with_its_name(wrong: dict[str, object]) -> None:
    with pytest.raises(FaultsError, match=next(iter(wrong))):
        Faults(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ('{"no_such_fault": 1}', "no_such_fault"),
        ('{"timeout": {"next": -1}}', "next"),
        ('{"timeout": {"after": 1}}', "timeout"),
        ('{"timeout": {"next": true}}', "timeout"),
        ("[]", "faults"),
        ("not json", "Expecting"),
    ],
)
def test_the_control_api_refuses_invalid_faults(carrier: Sandbox, body: str, named: str) -> None:
    response = requests.put(f"{carrier.base_url}/_sandbox/faults", data=body, timeout=30)

    assert response.status_code == 400
    assert named in response.json()["error"]
    assert carrier.faults() == Faults()


def test_faults_are_returned_as_they_were_set(carrier: Sandbox) -> None:
    faults = Faults(latency_ms=5, timeout=Next(count=3), callback_lost=0.25, only_to=MEMBER, seed=9)

    carrier.set_faults(faults)

    assert carrier.faults() == faults


def test_the_control_client_raises_the_reason(carrier: Sandbox) -> None:
    with pytest.raises(SandboxError, match="405"):
        carrier._ask("POST", "summary")  # pyright: ignore[reportPrivateUsage]
