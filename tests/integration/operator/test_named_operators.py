"""Operators log in with their own names and passwords; the shared password holds only while there are none."""

from __future__ import annotations

from collections.abc import Callable

import argon2
import pytest
import requests
from redis import Redis

from api.operator import login_attempts, password_hashing
from api.operator.accounts import Account
from api.operator.failed_logins import FailedLogins
from store import operator_sessions, operators
from store.database import Database, system_scope
from tests.integration.operator.conftest import Serve, recorded
from tests.integration.operator.operator_browser import PASSWORD, PASSWORD_OF_NAMED, OperatorBrowser
from tests.integration.operator.test_operator_attempts import guess_from

AddOperator = Callable[[str], None]


def log_in(browser: OperatorBrowser, name: str, password: str = PASSWORD_OF_NAMED) -> requests.Response:
    return browser.log_in(password, name=name)


def is_logged_in(browser: OperatorBrowser) -> bool:
    return browser.open("/rq/").url.endswith("/rq/")


def test_two_operators_log_in_with_their_own_names(serve: Serve, add_operator: AddOperator, database: Database) -> None:
    ruth, amos = serve(), serve()
    add_operator("ruth")
    add_operator("amos")

    assert log_in(ruth, "ruth").url.endswith("/rq/")
    assert log_in(amos, " Amos ").url.endswith("/rq/")
    amos.submit(amos.open("/rq/"))

    assert [(event.actor, event.action) for event in recorded(database)] == [
        ("ruth", "operator.logged_in"),
        ("amos", "operator.logged_in"),
        ("amos", "operator.logged_out"),
    ]
    with system_scope(database) as connection:
        listed = {each.name: each for each in operators.list_operators(connection)}
    assert (listed["ruth"].open_sessions, listed["amos"].open_sessions) == (1, 0)
    assert listed["ruth"].last_login_at is not None


def test_a_password_opens_only_the_account_of_its_operator(
    anonymous: OperatorBrowser, add_operator: AddOperator
) -> None:
    add_operator("ruth")

    for name, password in (("ruth", "not it"), ("amos", PASSWORD_OF_NAMED), ("ruth\0", PASSWORD_OF_NAMED), ("", "")):
        answer = log_in(anonymous, name, password)
        assert answer.status_code == 401
        assert "The name or the password is not correct." in answer.text
    assert not is_logged_in(anonymous)


def test_the_shared_password_is_refused_once_there_is_an_operator(serve: Serve, add_operator: AddOperator) -> None:
    before, after = serve(), serve()
    assert before.log_in().url.endswith("/rq/")

    add_operator("ruth")

    assert not is_logged_in(before)
    assert after.log_in(PASSWORD).status_code == 401


def test_without_the_shared_password_operators_can_log_in(serve: Serve, add_operator: AddOperator) -> None:
    browser = serve(operator_password=None)
    assert browser.open("/operator/login").status_code == 503

    add_operator("ruth")

    assert log_in(browser, "ruth").url.endswith("/rq/")


def test_sessions_end_when_the_operator_is_removed(
    anonymous: OperatorBrowser, add_operator: AddOperator, database: Database
) -> None:
    add_operator("ruth")
    add_operator("amos")
    log_in(anonymous, "ruth")

    with system_scope(database) as connection:
        assert operators.remove(connection, "ruth")

    assert not is_logged_in(anonymous)
    assert log_in(anonymous, "ruth").status_code == 401


@pytest.mark.parametrize("change", ["removed", "password"])
def test_a_login_that_overlaps_a_change_of_the_account_starts_no_session(
    change: str,
    anonymous: OperatorBrowser,
    add_operator: AddOperator,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The account changes after its password was found to be correct."""
    add_operator("ruth")
    add_operator("amos")
    verify = password_hashing.PasswordHashing.verify

    def verify_and_change(self: password_hashing.PasswordHashing, password_hash: str | None, password: str) -> bool:
        is_correct = verify(self, password_hash, password)
        with system_scope(database) as connection:
            if change == "removed":
                operators.remove(connection, "ruth")
            else:
                operators.set_password(connection, name="ruth", password_hash=self.hash("a new one, also long"))
        return is_correct

    monkeypatch.setattr(password_hashing.PasswordHashing, "verify", verify_and_change)

    assert log_in(anonymous, "ruth").status_code == 401
    with system_scope(database) as connection:
        assert operator_sessions.list_sessions(connection) == []


def test_an_unknown_name_costs_a_hash_as_a_known_one(
    anonymous: OperatorBrowser, add_operator: AddOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_operator("ruth")
    verified: list[str] = []
    verify = argon2.PasswordHasher.verify

    def record_and_verify(self: argon2.PasswordHasher, given: str, password: str) -> bool:
        verified.append(given)
        return verify(self, given, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", record_and_verify)

    for name in ("ruth", "nobody", "operator", "Not A Name!"):
        log_in(anonymous, name, "a wrong guess")

    assert len(verified) == 4
    assert len({given.rsplit("$", 2)[0] for given in verified}) == 1, "the parameters differ"


def test_a_hash_with_former_parameters_is_replaced_at_the_login(anonymous: OperatorBrowser, database: Database) -> None:
    former = argon2.PasswordHasher(time_cost=2, memory_cost=256, parallelism=1).hash(PASSWORD_OF_NAMED)
    with system_scope(database) as connection:
        operators.add(connection, name="ruth", password_hash=former)

    assert log_in(anonymous, "ruth", "a wrong guess").status_code == 401
    assert stored_hash(database) == former
    assert log_in(anonymous, "ruth").url.endswith("/rq/")

    assert stored_hash(database).startswith(f"$argon2id$v=19$m={password_hashing.MEMORY_KIB},t=1,p=1$")
    assert log_in(anonymous, "ruth").url.endswith("/rq/")


def stored_hash(database: Database) -> str:
    with system_scope(database) as connection:
        found = operators.find(connection, "ruth")
    assert found is not None
    return found.password_hash


def use_up_attempts(redis: Redis, name: str) -> None:
    """Count, from many addresses, as many attempts for this name as are allowed in the present minute."""
    counted = login_attempts.LoginAttempts(redis)
    waits = [counted.wait_seconds(f"192.0.2.{n}", name=name) for n in range(login_attempts.ATTEMPTS_A_MINUTE)]
    assert set(waits) == {0}


# --- guessing ---------------------------------------------------------------------------------------------------------


def test_guesses_for_one_name_are_limited_from_all_addresses_together(
    serve: Serve, add_operator: AddOperator, redis: Redis
) -> None:
    browser = serve(trusted_proxies=1)
    add_operator("ruth")
    add_operator("amos")

    use_up_attempts(redis, "ruth")

    assert guess_from(browser, "198.51.100.1", PASSWORD_OF_NAMED, name="ruth").status_code == 429
    assert guess_from(browser, "198.51.100.1", PASSWORD_OF_NAMED, name="amos").status_code == 303


def test_a_browser_is_known_for_its_own_operator_only(serve: Serve, add_operator: AddOperator, redis: Redis) -> None:
    """Otherwise one operator could guess the password of another without the limits of the name and of all."""
    ruth = serve(trusted_proxies=1)
    add_operator("ruth")
    add_operator("amos")
    log_in(ruth, "ruth")
    ruth.submit(ruth.open("/rq/"))
    use_up_attempts(redis, "amos")

    assert log_in(ruth, "amos").status_code == 429
    assert log_in(ruth, "ruth").url.endswith("/rq/")


def test_failed_logins_are_recorded_as_counts_and_without_what_was_typed(
    anonymous: OperatorBrowser, add_operator: AddOperator, database: Database
) -> None:
    add_operator("ruth")
    log_in(anonymous, "my-password-in-the-wrong-field", "guess")
    for _ in range(9):
        log_in(anonymous, "ruth", "guess")

    failed = recorded(database, action="operator.login_failed")

    assert [(event.subject, event.details) for event in failed] == [
        ("unknown names", {"failuresThisHour": 1}),
        ("ruth", {"failuresThisHour": 1}),
    ]
    assert {event.actor_kind for event in failed} == {"service"}


def test_a_flood_of_failed_logins_adds_few_entries(database: Database, redis: Redis, add_operator: AddOperator) -> None:
    failed_logins = FailedLogins(redis, database=database)
    account = Account(name="ruth", secret="x", operator=None)

    for _ in range(150):
        failed_logins.record(account)

    assert [event.details["failuresThisHour"] for event in recorded(database)] == [1, 10, 100]


def test_more_logins_at_once_than_are_handled_are_refused(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_hashing, "_ADMITTED", 0)
    busy = serve(database_pool_size=3)

    answer = busy.log_in()

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert not is_logged_in(busy)
