"""What segments cost, in responses."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from api.base_models import ResponseModel


class Cost(ResponseModel):
    """What the segments cost in one currency."""

    currency: str = Field(description="ISO 4217.")
    amount: str = Field(
        description="Segments times their price, exact, as a decimal.", json_schema_extra={"examples": ["12.3456"]}
    )


def shown_amount(amount: Decimal) -> str:
    """Return the exact decimal without trailing zeros, never in scientific notation."""
    return f"{amount.normalize():f}"
