"""API keys."""

from __future__ import annotations

import hashlib

import pytest

from api.keys import looks_like_key, new_key


def test_a_new_key_has_the_documented_form_and_its_sha_256() -> None:
    plain, secret_hash = new_key()

    assert looks_like_key(plain)
    assert (plain[:5], len(plain)) == ("ksms_", 48)
    assert secret_hash == hashlib.sha256(plain.encode()).digest()


def test_keys_are_unique() -> None:
    assert len({new_key()[0] for _ in range(1000)}) == 1000


@pytest.mark.parametrize("text", ["", "ksms_", "ksms_" + "a" * 42, "ksms_" + "a" * 44, "ksms_" + "ä" * 43, "x" * 48])
def test_text_of_another_form_is_not_a_key(text: str) -> None:
    assert not looks_like_key(text)
