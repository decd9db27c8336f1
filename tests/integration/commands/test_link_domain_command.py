"""`flask set-link-domain`."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from store import links
from store.database import Database, system_scope
from store.links import LinkSettings
from tests.integration.commands.conftest import Run
from tests.integration.commands.test_limit_commands import new_church


def settings_of(database: Database, church_id: UUID) -> LinkSettings | None:
    with system_scope(database) as connection:
        return links.settings_of(connection, church_id)


def test_the_domain_is_set_shown_and_restored(run: Run, database: Database) -> None:
    church = new_church(run)

    result = run("set-link-domain", "--church", str(church), "--domain", "Grace.Example.", "--shorten")

    assert result.stdout == "Links are shortened by default, to https://grace.example/l/…\n"
    assert settings_of(database, church) == LinkSettings(link_domain="grace.example", shortens_links=True)
    assert "Short links:    https://grace.example/l/… (by default)" in run("church", "show", str(church)).stdout

    run("set-link-domain", "--church", str(church), "--domain", "default")
    assert settings_of(database, church) == LinkSettings(link_domain=None, shortens_links=True)
    run("set-link-domain", "--church", str(church), "--no-shorten")
    assert settings_of(database, church) == LinkSettings(link_domain=None, shortens_links=False)


@pytest.mark.parametrize(
    "domain",
    [
        "",
        "grace",
        "https://grace.example",
        "grace.example/l",
        "grace.example:443",
        "192.0.2.1",
        "-grace.example",
        "grace..example",
        "grace_.example",
        "x" * 64 + ".example",
        ".".join(["xxxxxxxx"] * 32),
        "grace.example\nhope.example",
        "gr\N{LATIN SMALL LETTER A WITH DIAERESIS}ce.example",
    ],
)
def test_what_is_no_domain_is_refused(run: Run, database: Database, domain: str) -> None:
    church = new_church(run)

    result = run("set-link-domain", "--church", str(church), "--domain", domain)

    assert result.exit_code == 2
    assert settings_of(database, church) == LinkSettings(link_domain=None, shortens_links=False)


@pytest.mark.parametrize("domain", ["texts.example.org", "s.example"])
def test_the_domain_of_the_service_is_refused(run: Run, database: Database, domain: str) -> None:
    """Nothing but links would be served there."""
    church = new_church(run)
    changes = {"public_url": "https://texts.example.org/koinonia", "link_domain": "s.example"}

    result = run("set-link-domain", "--church", str(church), "--domain", domain, **changes)

    assert result.exit_code == 2
    assert "is the domain of the service" in result.output
    assert settings_of(database, church) == LinkSettings(link_domain=None, shortens_links=False)


def test_two_churches_do_not_share_a_domain(run: Run, database: Database) -> None:
    first, second = new_church(run), new_church(run)
    run("set-link-domain", "--church", str(first), "--domain", "grace.example")

    result = run("set-link-domain", "--church", str(second), "--domain", "grace.example")

    assert result.exit_code == 2
    assert "is the domain of another church" in result.output
    assert settings_of(database, second) == LinkSettings(link_domain=None, shortens_links=False)


def test_a_church_and_a_change_are_required(run: Run) -> None:
    assert run("set-link-domain", "--church", str(uuid4()), "--shorten").exit_code == 2
    assert run("set-link-domain", "--church", str(new_church(run))).exit_code == 2
