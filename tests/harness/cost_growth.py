"""Measures how the cost of a parser grows with its input."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

FACTOR = 8
"""How many times larger the larger input is: linear cost grows by this factor, quadratic cost by its square."""
MAX_GROWTH = 24
"""The limit lies between the two, with room for a noisy machine on either side."""
_LEAST_SECONDS = 0.001
"""Shorter times are noise and are rounded up to this."""
_RUNS = 3


def cost_growth(parse: Callable[[Any], object], hostile: Callable[[int], Any], size: int) -> float:
    """Return the factor by which the CPU time grows from an input of `size` to one of FACTOR times that size.

    It measures CPU time of this process, best of several runs, so that other load on the machine has little effect.
    The parser may refuse its input with any Exception except a RecursionError.
    """
    small = max(_best_seconds(parse, hostile(size), enough=0.0), _LEAST_SECONDS)
    return _best_seconds(parse, hostile(FACTOR * size), enough=MAX_GROWTH * small) / small


def _best_seconds(parse: Callable[[Any], object], text: Any, *, enough: float) -> float:
    """Return the shortest time of several runs. Stop as soon as one takes no longer than `enough`."""
    best = float("inf")
    for _ in range(_RUNS):
        best = min(best, _seconds(parse, text))
        if best <= enough:
            break
    return best


def _seconds(parse: Callable[[Any], object], text: Any) -> float:
    gc.disable()
    began = time.process_time()
    try:
        parse(text)
    except RecursionError:
        raise
    except Exception:  # noqa: BLE001, S110 - a refusal is a result
        pass
    finally:
        gc.enable()
    return time.process_time() - began
