"""The faults to inject: one frozen value, validated on creation; JSON at the control API."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, cast


class FaultsError(ValueError):
    """A fault is not valid; the message names the field."""


@dataclass(frozen=True, kw_only=True)
class Next:
    """A fault for exactly the next `count` requests that it applies to."""

    count: int

    def __post_init__(self) -> None:
        if isinstance(self.count, bool) or self.count < 0:
            raise FaultsError("next: must be a whole number from 0")


Chance = float | Next
"""A probability from 0 to 1 for each request, or the next N requests."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """The faults to inject. Without arguments: none.

    A create request meets at most one fault, the first drawn of `refuse`, `timeout`, `too_many_requests`,
    `server_error`, and, once the message is created, `accept_then_drop`, `server_error_after_creation`. Latency
    applies to fetches and lists too.
    """

    latency_ms: float = 0.0
    """Delay of every answer. A message changes its first status only after its answer is due."""
    latency_jitter_ms: float = 0.0
    """Up to this much is added to the latency, uniformly distributed."""

    refuse: Chance = 0.0
    """The connection is closed at once; nothing is created."""
    timeout: Chance = 0.0
    """The request is never answered; nothing is created."""
    too_many_requests: Chance = 0.0
    """429 with code 20429; nothing is created."""
    retry_after_seconds: int | None = None
    """The `Retry-After` header of that 429, if any."""
    server_error: Chance = 0.0
    """500; nothing is created."""
    accept_then_drop: Chance = 0.0
    """The message is created and its callbacks are sent, but the connection is closed without an answer."""
    server_error_after_creation: Chance = 0.0
    """The message is created and its callbacks are sent, but the answer is a 500."""
    unreadable: Chance = 0.0
    """Fetching and listing messages are answered with 500."""
    unsent_unlisted: bool = False
    """Lists filtered by `DateSent` leave out messages that have not been sent yet."""

    callback_lost: Chance = 0.0
    callback_repeated: Chance = 0.0
    """The callback is sent twice."""
    callback_late: Chance = 0.0
    """The callback is sent `callback_late_ms` later."""
    callback_late_ms: float = 1_000.0
    callbacks_out_of_order: Chance = 0.0
    """A message's callbacks are collected until its final status and then sent in reverse order."""

    only_to: str | None = None
    """The faults apply only to messages to this number, and to fetches and lists of this number."""
    seed: int = 0
    """The same faults, seed and requests produce the same failures."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not _VALIDATORS[field.type](value):
                raise FaultsError(f"{field.name}: {value!r} is not a valid value")

    def to_json(self) -> dict[str, Any]:
        """Return the JSON of the control API, in which a `Next` is `{"next": 3}`."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: {"next": value.count} if isinstance(value, Next) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, value: object) -> "Faults":
        """Return the faults in a JSON object; missing fields have their defaults. Raises FaultsError."""
        if not isinstance(value, dict):
            raise FaultsError("faults: must be an object")
        values = cast("dict[str, Any]", value)
        unknown = values.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise FaultsError(f"{min(unknown)}: no such fault")
        return cls(**{name: _chance(name, part) for name, part in values.items()})


def _chance(name: str, value: object) -> Any:
    """Turn `{"next": N}` into a `Next`. Return anything else unchanged, to be validated later."""
    if not isinstance(value, dict):
        return value
    values = cast("dict[str, Any]", value)
    if values.keys() != {"next"} or type(values["next"]) is not int:
        raise FaultsError(f'{name}: must be a probability or {{"next": N}}')
    return Next(count=values["next"])


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_duration(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def _is_chance(value: object) -> bool:
    return isinstance(value, Next) or (_is_duration(value) and cast("float", value) <= 1)


_VALIDATORS: dict[object, Callable[[object], bool]] = {
    bool: _is_bool,
    int: _is_count,
    float: _is_duration,
    Chance: _is_chance,
    int | None: lambda value: value is None or _is_count(value),
    str | None: lambda value: value is None or isinstance(value, str),
}
"""By the type of a field: the function that validates its value."""
