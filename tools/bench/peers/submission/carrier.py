"""What each job of a peer asks of the carrier: the same request as the product's, to the same address."""

import os

URL = os.environ["CARRIER_URL"]
"""The whole address of a create request."""
USER, PASSWORD = os.environ["CARRIER_USER"], os.environ["CARRIER_PASSWORD"]
STATUS_CALLBACK = os.environ["STATUS_CALLBACK"]
CONNECTIONS = int(os.environ["CONCURRENCY"])
"""As many as jobs are under way at once in one process."""
TIMEOUT_SECONDS = 60.0

SENDER = "+12025550100"
BODY = "Service moves to 10:30 this Sunday. See you there!"


def form(to: str, body: str) -> dict[str, str]:
    return {"To": to, "From": SENDER, "Body": body, "StatusCallback": STATUS_CALLBACK}
