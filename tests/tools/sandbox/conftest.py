"""One sandbox process for the whole folder, reset before every test."""

from collections.abc import Iterator

import pytest
from callback_receiver import CallbackReceiver
from carrier_process import running_carrier
from twilio.rest import Client
from twilio_clients import sync_client

from tools.sandbox.control import Sandbox


@pytest.fixture(scope="session")
def base_url() -> Iterator[str]:
    """A sandbox that sends callbacks over one connection, so that they arrive in the order in which it sends them."""
    with running_carrier("--callback-backoff-ms", "20", "--callback-connections", "1") as url:
        yield url


@pytest.fixture
def carrier(base_url: str) -> Sandbox:
    carrier = Sandbox(base_url)
    carrier.clear_faults()
    carrier.reset()
    carrier.release_callbacks()
    return carrier


@pytest.fixture
def client(carrier: Sandbox) -> Client:
    return sync_client(carrier.base_url)


@pytest.fixture
def receiver() -> Iterator[CallbackReceiver]:
    receiver = CallbackReceiver()
    yield receiver
    receiver.close()
