"""The window in which people may be texted. test_quiet_hours_sql.py tests how PostgreSQL evaluates it."""

from __future__ import annotations

import pytest

from messaging.quiet_hours import Window


@pytest.mark.parametrize(("opens", "closes"), [(480, 480), (1260, 480), (-1, 60), (0, 1441)])
def test_a_window_that_does_not_open_before_it_closes_is_refused(opens: int, closes: int) -> None:
    with pytest.raises(ValueError, match="opens before it closes"):
        Window(opens=opens, closes=closes)
