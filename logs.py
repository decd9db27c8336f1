"""Structured logs: lines of constant text plus fields, with phone numbers and mail addresses masked."""

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
    """Return the text with phone numbers and mail addresses masked.

    The last two digits of an E.164 number remain: `+12025550123` becomes `+*********23`. The first letter and the
    domain of a mail address remain: `ruth@example.org` becomes `r***@example.org`.
    """
    text = _PHONE.sub(lambda found: found[1] + "*" * len(found[2]) + found[3], text)
    return _EMAIL.sub(r"\1***@", text)


def configure(*, fmt: Literal["text", "json"], level: str) -> None:
    """Format all log lines of the process, including those of libraries, and write them to standard error as UTF-8."""
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
        """Return the line. It is masked as a whole, because any field may contain an address."""
        return mask_addresses(str(renderer(logger, method, event)))

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared[:4], structlog.stdlib.ExtraAdder(), *shared[4:]],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    handler.setLevel(level)  # psycopg sets the level of its loggers itself
    root.handlers[:] = [handler]
    root.setLevel(level)
    # At INFO, these log every request or job, with its arguments.
    for name in ("twilio", "yoyo", "urllib3", "aiohttp.access", "rq.worker", "rq.scheduler", "rq_scheduler"):
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))


def _write_utf_8(stream: TextIO) -> None:
    """Make the stream write UTF-8 whatever the locale is. A lone surrogate, which UTF-8 cannot encode, is escaped."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    return structlog.stdlib.get_logger(name)


@contextmanager
def bound(**fields: Any) -> Generator[None]:
    """Add the fields to every line logged inside the block."""
    with structlog.contextvars.bound_contextvars(**fields):
        yield
