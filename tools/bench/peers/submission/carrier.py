"""The request of each job of a peer to the carrier: the same as the product's."""

import os

URL = os.environ["CARRIER_URL"]
"""The URL of a create request."""
USER, PASSWORD = os.environ["CARRIER_USER"], os.environ["CARRIER_PASSWORD"]
STATUS_CALLBACK = os.environ["STATUS_CALLBACK"]
CONNECTIONS = int(os.environ["CONCURRENCY"])
"""As many as there are concurrent jobs in one process."""
TIMEOUT_SECONDS = 60.0

SENDER = "+12025550100"
BODY = "Service moves to 10:30 this Sunday. See you there!"


def form(to: str, body: str) -> dict[str, str]:
    return {"To": to, "From": SENDER, "Body": body, "StatusCallback": STATUS_CALLBACK}
