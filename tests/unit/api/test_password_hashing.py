"""Passwords are hashed with the stated parameters, and only a few at the same time."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import argon2
import pytest

from api.operator import password_hashing
from api.operator.password_hashing import PasswordHashing, TooManyLogins

PASSWORD = "a long password of a person"


def test_the_parameters_are_those_that_the_documents_state() -> None:
    """46 MiB, one pass, one lane: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html"""
    password_hash = PasswordHashing().hash(PASSWORD)

    assert password_hash.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert argon2.extract_parameters(password_hash).salt_len == 16
    assert argon2.extract_parameters(password_hash).hash_len == 32


def test_only_the_right_password_is_verified() -> None:
    hashing = PasswordHashing()
    password_hash = hashing.hash(PASSWORD)

    assert hashing.verify(password_hash, PASSWORD)
    assert not hashing.verify(password_hash, PASSWORD + " ")
    assert not hashing.verify(None, PASSWORD)
    assert not hashing.verify("not a hash", PASSWORD)


def test_a_hash_with_other_parameters_is_outdated() -> None:
    hashing = PasswordHashing()

    assert not hashing.is_outdated(hashing.hash(PASSWORD))
    assert hashing.is_outdated(argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD))


def test_a_login_beyond_the_admitted_ones_is_refused_instead_of_waiting() -> None:
    hashing = PasswordHashing()
    with ExitStack() as logins:
        for _ in range(4):
            logins.enter_context(hashing.admitted())
        with pytest.raises(TooManyLogins):
            logins.enter_context(hashing.admitted())

    with hashing.admitted():
        pass


def test_two_hashes_at_most_are_calculated_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_hashing, "MEMORY_KIB", 1024)
    hashing, running, most = PasswordHashing(), list[int](), list[int]()
    verify = argon2.PasswordHasher.verify
    both = threading.Barrier(2)

    def count_and_verify(self: argon2.PasswordHasher, given: str, password: str) -> bool:
        running.append(1)
        both.wait(timeout=60)  # two are inside at the same time
        most.append(len(running))
        both.wait(timeout=60)
        running.pop()
        return verify(self, given, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", count_and_verify)
    threads = [threading.Thread(target=hashing.verify, args=(None, PASSWORD)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert most == [2] * 6
