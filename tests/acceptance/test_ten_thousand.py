"""One message to ten thousand members is delivered to each exactly once."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.harness.waiting import wait_until
from tests.harness.whole_system import environment_of, running_system
from tools.local import demo_church
from tools.local.api_client import ApiClient
from tools.sandbox.control import Sandbox

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the processes are tied together with prctl"),
    pytest.mark.timeout(300),
    pytest.mark.extended,
]
CONTENT = "A message to ten thousand members."


def test_each_of_ten_thousand_members_gets_the_message_once(tmp_path: Path, free_port: int) -> None:
    with running_system(environment_of(tmp_path / "var", free_port), tmp_path / "output") as run:
        found = re.search(r"sandbox carrier listening on (\S+)", run.output.read_text())
        assert found is not None
        sandbox = Sandbox(found[1])
        church = demo_church.read(tmp_path / "var" / "demo.env")
        assert church is not None
        api = ApiClient(base_url=f"http://127.0.0.1:{free_port}", key=church.api_key)
        people = [{"name": f"Member {n}", "phone": f"+1202{2_000_000 + n}"} for n in range(9_000)]
        assert api.post("/api/contacts", {"contacts": people})["created"] == 9_000

        body = {"churchId": church.church_id, "content": CONTENT, "targetType": "all"}
        message = api.post("/api/messages/send", body, Idempotency_Key="ten-thousand")
        again = api.post("/api/messages/send", body, Idempotency_Key="ten-thousand")

        assert again["id"] == message["id"]
        counts: dict[str, int] = {}

        def all_delivered() -> bool:
            counts.update(api.get(message["links"]["self"])["counts"])
            assert counts["audience"] == sum(count for name, count in counts.items() if name != "audience")
            return counts["delivered"] == 10_000

        wait_until(all_delivered, timeout_seconds=180)
        received = Counter(row.to for row in sandbox.rows() if row.body == CONTENT)
        assert counts["audience"] == len(received) == 10_000
        assert set(received.values()) == {1}
