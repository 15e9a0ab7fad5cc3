from __future__ import annotations

import hashlib
import string

from hypothesis import given
from hypothesis import strategies as st

from components.platform.keys import ID_ALPHABET, SECRET_ALPHABET, Key

IDS = st.text(ID_ALPHABET, min_size=12, max_size=12)
SECRETS = st.text(SECRET_ALPHABET, min_size=43, max_size=43)


@given(IDS, SECRETS)
def test_a_key_is_what_its_text_says(key_id: str, secret: str) -> None:
    key = Key(id=key_id, secret=secret)
    assert Key.parse(key.text) == key
    assert key.hash == hashlib.sha256(secret.encode()).hexdigest()


@given(st.text(string.printable, max_size=80))
def test_other_text_is_no_key(text: str) -> None:
    found = Key.parse(text)
    assert found is None or found.text == text


@given(IDS, SECRETS, st.sampled_from(["", " ", "\n", "x", "_"]))
def test_nothing_may_stand_around_a_key(key_id: str, secret: str, more: str) -> None:
    text = Key(id=key_id, secret=secret).text
    for near in (text + more, more + text):
        assert (Key.parse(near) is None) is bool(more)


def test_new_keys_differ_and_are_never_shown() -> None:
    keys = [Key.new() for _ in range(100)]
    assert len({key.id for key in keys}) == len({key.secret for key in keys}) == 100
    assert keys[0].secret not in repr(keys[0])
    assert keys[0].secret not in keys[0].hash


@given(SECRETS, SECRETS)
def test_only_its_own_hash_fits(secret: str, other: str) -> None:
    key = Key(id="abcdefabcdef", secret=secret)
    assert key.fits(key.hash)
    assert key.fits(Key(id="abcdefabcdef", secret=other).hash) is (secret == other)
    assert not key.fits(None)
    assert not key.fits("0" * 64)
    assert not key.fits("")
