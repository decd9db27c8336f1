"""`flask show-conversation`: what a number wrote and got, without its texts."""

from __future__ import annotations

from uuid import uuid4

import pytest

from store.database import Database
from tests.harness.churches import KnownChurch, create_church
from tests.integration.commands.conftest import Run
from tests.integration.store.inbound_texts import receive
from tests.integration.store.ledger import Ledger

ANN = "+12025550000"


@pytest.fixture
def church(database: Database) -> KnownChurch:
    return create_church(database)


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def test_it_shows_what_a_number_wrote_and_got_without_texts(run: Run, church: KnownChurch, ledger: Ledger) -> None:
    ledger.send(church.church_id, [ANN])
    inbound = receive(ledger, church.church_id, ANN, "a private text")
    receive(ledger, church.church_id, ANN, "STOP", keyword="opt_out")
    ledger.opt_out(church.church_id, ANN)

    shown = run("show-conversation", "--church", str(church.church_id), "--address", ANN)

    assert shown.exit_code == 0, shown.output
    assert "is opted out of the church (test" in shown.output
    assert str(inbound) in shown.output
    assert [kind in shown.output for kind in ("broadcast", "inbound", "opt_out", "unread", "queued")] == [True] * 5
    assert "private" not in shown.output
    assert ANN not in shown.output


def test_nothing_and_no_church_are_told(run: Run, church: KnownChurch) -> None:
    nothing = run("show-conversation", "--church", str(church.church_id), "--address", ANN)
    nobody = run("show-conversation", "--church", str(uuid4()), "--address", ANN)

    assert (nothing.exit_code, "wrote nothing and got nothing" in nothing.output) == (0, True)
    assert nobody.exit_code != 0
