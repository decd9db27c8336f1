"""Log lines: valid JSON, with the request's id, and without complete phone numbers."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import structlog

import logs

PHONE = "+12025550123"
MASKED = "+*********23"

Written = Callable[[], str]


@pytest.fixture
def write(request: pytest.FixtureRequest) -> Iterator[Callable[[Literal["text", "json"]], Written]]:
    """Configures logging as a process does. The returned function reads what was written so far."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    structlog.contextvars.clear_contextvars()
    levels = {name: logging.getLogger(name).level for name in list(logging.root.manager.loggerDict)}

    def configure(fmt: Literal["text", "json"]) -> Written:
        logs.configure(fmt=fmt, level="INFO")
        handler = root.handlers[0]
        assert isinstance(handler, logging.StreamHandler)
        stream = io.StringIO()
        handler.setStream(stream)
        return stream.getvalue

    yield configure
    root.handlers[:] = before
    root.setLevel(level)
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)
    structlog.reset_defaults()


def _lines(written: Written) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written().splitlines()]


def _fail() -> None:
    raise ValueError(f"cannot reach {PHONE}")


def _log_in_the_message() -> None:
    logs.get_logger("test").info(f"reached {PHONE}")


def _log_in_a_field() -> None:
    logs.get_logger("test").info("reached", to=PHONE)


def _log_in_a_bound_field() -> None:
    with logs.bound(to=PHONE):
        logs.get_logger("test").info("reached")


def _log_in_an_argument() -> None:
    logs.get_logger("test").info("reached %s", PHONE)


def _log_in_an_exception() -> None:
    try:
        _fail()
    except ValueError:
        logs.get_logger("test").exception("failed")


def _library_logs_in_the_message() -> None:
    logging.getLogger("library").warning("POST To=%s", PHONE)


def _library_logs_in_an_exception() -> None:
    try:
        _fail()
    except ValueError:
        logging.getLogger("library").exception("failed")


def _library_logs_in_an_extra() -> None:
    logging.getLogger("library").warning("reached", extra={"to": PHONE})


@pytest.mark.parametrize("fmt", ["text", "json"])
@pytest.mark.parametrize(
    "log",
    [
        _log_in_the_message,
        _log_in_a_field,
        _log_in_a_bound_field,
        _log_in_an_argument,
        _log_in_an_exception,
        _library_logs_in_the_message,
        _library_logs_in_an_exception,
        _library_logs_in_an_extra,
    ],
)
def test_a_phone_number_is_never_logged_completely(
    log: Callable[[], None], fmt: Literal["text", "json"], write: Callable[[str], Written]
) -> None:
    written = write(fmt)

    log()

    assert PHONE not in written()
    assert PHONE.lstrip("+") not in written()
    assert MASKED in written()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (PHONE, MASKED),
        (f"from {PHONE} to +442079460958.", f"from {MASKED} to +**********58."),
        ("+1234567", "+*****67"),
        ("+123456", "+123456"),
        ("2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"),
        ("no number", "no number"),
    ],
)
def test_masking_keeps_the_last_two_digits(text: str, masked: str) -> None:
    assert logs.mask_addresses(text) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("ruth@example.org", "r***@example.org"),
        ('{"to": "ruth.bell+news@mail.example.org"}', '{"to": "r***@mail.example.org"}'),
        ("from <a@example.org> to b%40c@example.org.", "from <a***@example.org> to b***@example.org."),
        ("<ruth@example.org>... User unknown", "<r***@example.org>... User unknown"),
        ("user@localhost, @property, a @ b.c", "user@localhost, @property, a @ b.c"),
    ],
)
def test_masking_keeps_the_first_letter_of_a_mail_address(text: str, masked: str) -> None:
    assert logs.mask_addresses(text) == masked


def test_a_json_line_has_event_logger_time_and_request_id(write: Callable[[str], Written]) -> None:
    written = write("json")

    with logs.bound(request_id="r-1"):
        logs.get_logger("jobs.test").info("batch finished", claimed=3)
        logging.getLogger("library").warning("slow \n answer")
    logs.get_logger("jobs.test").info("after")

    ours, theirs, after = _lines(written)
    assert ours.items() >= {"event": "batch finished", "claimed": 3, "level": "info", "logger": "jobs.test"}.items()
    assert ours["timestamp"].endswith("Z")
    assert ours["request_id"] == theirs["request_id"] == "r-1"
    assert theirs.items() >= {"event": "slow \n answer", "level": "warning", "logger": "library"}.items()
    assert "request_id" not in after


def test_an_exception_is_one_json_line(write: Callable[[str], Written]) -> None:
    written = write("json")

    _log_in_an_exception()

    [line] = _lines(written)
    assert "ValueError: cannot reach" in line["exception"]


def test_records_below_the_level_are_not_written(write: Callable[[str], Written]) -> None:
    written = write("json")

    logs.get_logger("test").debug("detail")
    logging.getLogger("rq.worker").info("job with its arguments")

    assert written() == ""


def test_json_lines_are_utf_8_with_escapes_for_lone_surrogates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    output = tmp_path / "output"
    with output.open("w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        logs.configure(fmt="json", level="INFO")
        logs.get_logger("test").info("✅ Redis connected", odd="\ud800")
        root.handlers[:] = before
        root.setLevel(level)
        structlog.reset_defaults()

    line = output.read_bytes()
    assert '"✅ Redis connected"'.encode() in line
    assert json.loads(line)["odd"] == "\ud800"
