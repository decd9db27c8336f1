"""Structured logs: constant text plus fields, a request id that follows a message, and no phone number whole."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, WrappedLogger

_EMAIL = re.compile(r"([\w%])[\w.!#$&'*+/=?^`{|}~%-]{0,80}@(?=[\w-]++\.[\w-])")
_PHONE = re.compile(r"(\+|%2B)(\d{5,13})(\d\d)", re.IGNORECASE)


def mask_addresses(text: str) -> str:
    """The text without anyone's whole address.

    Of an E.164 number the last two digits are shown: `+12025550123` becomes `+*********23`. Of a mail address the first
    letter and the domain: `ruth@example.org` becomes `r***@example.org`.
    """
    text = _PHONE.sub(lambda found: found[1] + "*" * len(found[2]) + found[3], text)
    return _EMAIL.sub(r"\1***@", text)


def configure(*, fmt: Literal["text", "json"], level: str) -> None:
    """Send every log line of the process, libraries' too, through one formatter to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
    ]
    renderer = (
        structlog.processors.JSONRenderer()
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
        """The line as it will be read: whatever an address stands in, it is masked here."""
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
    # These tell of every request and every job at INFO, arguments included.
    for chatty in ("twilio", "yoyo", "urllib3", "aiohttp.access", "rq.worker", "rq.scheduler", "rq_scheduler"):
        logging.getLogger(chatty).setLevel(max(root.level, logging.WARNING))


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    return structlog.stdlib.get_logger(name)


@contextmanager
def bound(**fields: Any) -> Generator[None]:
    """Add the fields to every line logged inside the block."""
    with structlog.contextvars.bound_contextvars(**fields):
        yield
