"""The sandbox process, its command line and its ledger."""

import signal
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from carrier_process import await_address, launch
from raw_http import create_request
from twilio.rest import Client
from twilio_clients import sync_client

from tools.sandbox.control import Faults, Sandbox
from tools.sandbox.credentials import ACCOUNT_SID
from tools.sandbox.options import read_options

SENDER = "+15005550006"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_while_a_request_is_unanswered(number: signal.Signals) -> None:
    process = launch("--port", "0")
    base_url = await_address(process)
    Sandbox(base_url).set_faults(Faults(timeout=1.0))
    address = urlsplit(base_url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(create_request("15551230001"))

        process.send_signal(number)
        _, errors = process.communicate(timeout=30)

    assert (process.returncode, errors) == (0, "")


def test_a_taken_port_is_reported_in_one_line(carrier: Sandbox) -> None:
    port = str(urlsplit(carrier.base_url).port)

    process = launch("--port", port)
    output, errors = process.communicate(timeout=30)

    assert (process.returncode, output) == (1, "")
    assert errors.startswith(f"sandbox carrier cannot listen on 127.0.0.1:{port}: ")
    assert "address already in use" in errors
    assert errors.count("\n") == 1


def test_the_account_and_its_token_file_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("another\n")
    token = ("--auth-token-file", str(tmp_path / "token"))
    process = launch("--port", "0", "--account-sid", ACCOUNT_SID, *token)
    base_url = await_address(process)

    sync_client(base_url, token="another").messages.create(to="+15551230001", from_=SENDER, body="Hello")

    assert len(Sandbox(base_url).ledger()) == 1
    process.terminate()
    process.communicate(timeout=30)


@pytest.mark.parametrize("option", ["--auth-token", "--mail-password"])
def test_a_secret_cannot_be_passed_as_an_argument(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        read_options(["--port", "0", option, "in-the-process-list"])

    assert refusal.value.code == 2
    assert f"{option}-file" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_an_unreadable_or_empty_token_file_is_refused(
    tmp_path: Path, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SystemExit) as refusal:
        read_options(["--port", "0", "--auth-token-file", str(file)])

    assert refusal.value.code == 2
    assert str(file) in capsys.readouterr().err


def test_the_ledger_lists_messages_and_counts_repeated_recipients(client: Client, carrier: Sandbox) -> None:
    for to, body in (("+15551230001", 'One "1"\n'), ("+15551230002", "Two"), ("+15551230001", "Drei ü")):
        client.messages.create(to=to, from_=SENDER, body=body, status_callback="http://127.0.0.1:9/x?a=1&b=2")
    summary = carrier.wait_until_quiet()

    rows = carrier.ledger()

    assert [(row.number, row.to, row.body) for row in rows] == [
        (1, "+15551230001", 'One "1"\n'),
        (2, "+15551230002", "Two"),
        (3, "+15551230001", "Drei ü"),
    ]
    assert {(row.sender, row.status, row.error_code, row.num_media) for row in rows} == {(SENDER, "delivered", None, 0)}
    assert rows[0].status_callback == "http://127.0.0.1:9/x?a=1&b=2"
    assert abs(rows[0].created_at - time.time()) < 60
    assert (summary.requests, summary.create_requests, summary.accepted) == (3, 3, 3)
    assert summary.by_status == {"delivered": 3}
    assert (summary.recipients, summary.recipients_repeated) == (2, 1)
    assert summary.repeated == {"+15551230001": 2}

    carrier.reset()

    assert carrier.ledger() == []
    assert carrier.summary().requests == 0


def test_a_long_ledger_is_read_in_pages(carrier: Sandbox) -> None:
    count = 12_000
    requests_ = b"".join(create_request(f"1555{n:07d}") for n in range(count))
    address = urlsplit(carrier.base_url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        for start in range(0, len(requests_), 100_000):
            connection.sendall(requests_[start : start + 100_000])
            connection.setblocking(False)
            try:
                while connection.recv(1 << 20):
                    pass
            except BlockingIOError:
                connection.settimeout(30)
        while carrier.summary().accepted < count:
            connection.recv(1 << 20)

    rows = carrier.ledger()

    assert [row.number for row in rows] == list(range(1, count + 1))
    assert len({row.sid for row in rows}) == count
    assert [row.number for row in carrier.rows(after=count - 2)] == [count - 1, count]
    assert requests.get(f"{carrier.base_url}/_sandbox/ledger?after=x", timeout=30).status_code == 400
