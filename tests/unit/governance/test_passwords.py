"""What is kept of a password."""

import pytest

from galley.errors import UsageError
from galley.governance import passwords

PASSWORD = "five words are easy to keep"


def test_a_hash_is_argon2id_and_its_own_each_time() -> None:
    first, second = passwords.hashed(PASSWORD), passwords.hashed(PASSWORD)
    assert first != second
    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.matches(first, PASSWORD)
    assert not passwords.matches(first, PASSWORD.upper())


def test_nothing_kept_matches_nothing() -> None:
    assert not passwords.matches(None, "nobody has this password")
    assert not passwords.matches("no hash", PASSWORD)


@pytest.mark.parametrize("password", ["", "x" * 11, "x" * 1025])
def test_passwords_that_are_none(password: str) -> None:
    with pytest.raises(UsageError, match="12 to 1024 characters"):
        passwords.hashed(password)
