"""Structured logs: constant text plus fields, the request id of a message, and phone numbers masked."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

_EMAIL = re.compile(r"([\w%])[\w.!#$&'*+/=?^`{|}~%-]{0,80}@(?=[\w-]++\.[\w-])")
_PHONE = re.compile(r"(\+|%2B)(\d{5,13})(\d\d)", re.IGNORECASE)


def mask_addresses(text: str) -> str:
    """The text with phone numbers and mail addresses masked.

    Of an E.164 number the last two digits remain: `+12025550123` becomes `+*********23`. Of a mail address the first
    letter and the domain remain: `ruth@example.org` becomes `r***@example.org`.
    """
    text = _PHONE.sub(lambda found: found[1] + "*" * len(found[2]) + found[3], text)
    return _EMAIL.sub(r"\1***@", text)


def configure(*, fmt: Literal["text", "json"], level: str) -> None:
    """Format every log line of the process, also those of libraries, and write it to standard error as UTF-8."""
    _write_utf_8(sys.stderr)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
    ]
    renderer = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if fmt == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )

    def render(logger: WrappedLogger, method: str, event: EventDict) -> str:
        """The whole line, masked at the end: addresses may stand in any field."""
        return mask_addresses(str(renderer(logger, method, event)))

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared[:4], structlog.stdlib.ExtraAdder(), *shared[4:]],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These log every request and every job at INFO, with its arguments.
    for name in ("twilio", "yoyo", "urllib3", "aiohttp.access", "rq.worker", "rq.scheduler", "rq_scheduler"):
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))


def _write_utf_8(stream: TextIO) -> None:
    """Whatever the locale. What UTF-8 cannot encode (a lone surrogate) is escaped, which is valid in JSON too."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    return structlog.stdlib.get_logger(name)


@contextmanager
def bound(**fields: Any) -> Generator[None]:
    """Add the fields to every line logged inside the block."""
    with structlog.contextvars.bound_contextvars(**fields):
        yield
