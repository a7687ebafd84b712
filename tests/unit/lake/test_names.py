"""Which names a ref may have, and what a text can mean."""

import pytest

from galley.errors import UsageError
from galley.lake.model import RefKind
from galley.lake.names import check_name, nearest
from galley.lake.targets import Wanted, parse


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (RefKind.ENVIRONMENT, "production"),
        (RefKind.KITCHEN, "kitchen/anna.b-2_x"),
        (RefKind.RUN, "run/1a2b"),
        (RefKind.ATTEMPT, "attempt/1a2b/3"),
        (RefKind.TAG, "tag/v1.0"),
    ],
)
def test_good_names(kind: RefKind, name: str) -> None:
    check_name(kind, name)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (RefKind.KITCHEN, "anna"),
        (RefKind.KITCHEN, "kitchen/Anna"),
        (RefKind.KITCHEN, "kitchen/a/b"),
        (RefKind.KITCHEN, "kitchen/"),
        (RefKind.KITCHEN, "kitchen/a..b"),
        (RefKind.KITCHEN, "kitchen/-a"),
        (RefKind.KITCHEN, "kitchen/a@b"),
        (RefKind.KITCHEN, "kitchen/" + "a" * 100),
        (RefKind.ENVIRONMENT, "kitchen"),
        (RefKind.ENVIRONMENT, "now"),
        (RefKind.ENVIRONMENT, "a.lock"),
        (RefKind.ENVIRONMENT, "päin"),
        (RefKind.ATTEMPT, "attempt/1"),
    ],
)
def test_bad_names(kind: RefKind, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name"):
        check_name(kind, name)


def test_the_nearest_name() -> None:
    names = ["production", "kitchen/anna", "tag/v1"]
    assert nearest("anna", names) == "kitchen/anna"
    assert nearest("producton", names) == "production"
    assert nearest("zzz", names) is None


def test_texts_and_their_meaning() -> None:
    assert parse("production") == Wanted("production")
    assert parse("kitchen/a@now") == Wanted("kitchen/a", pinned=True)
    assert parse("a@1a2b3c") == Wanted("a", prefix="1a2b3c", pinned=True)
    assert parse("a@1970-01-02").moment == 86_400_000_000
    assert parse("a@1970-01-01T01:00+01:00").moment == 0
    assert parse("a@1970-01-01 00:00:01").moment == 1_000_000
