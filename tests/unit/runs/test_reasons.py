"""An error is kept under the reason that its class gives."""

import pytest

from galley import errors
from galley.runs.model import Reason
from galley.runs.reasons import end_of_run, of_the_home, reason_of


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errors.WindowError("x"), Reason.USER_ERROR),
        (errors.SchemaChangeError("x"), Reason.USER_ERROR),
        (errors.UnavailableError("no such secret"), Reason.USER_ERROR),
        (errors.StorageError("x"), Reason.STORAGE),
        (errors.MergeConflictError("x"), Reason.CONFLICT),
        (errors.HeldError("x"), Reason.CONFLICT),
        (errors.WithdrawnError("x"), Reason.SUPERSEDED),
        (errors.SupersededError("x"), Reason.SUPERSEDED),
        (errors.GateError("x"), Reason.TEST_FAILED),
        (errors.InternalError("x"), Reason.INTERNAL),
        (ZeroDivisionError("x"), Reason.INTERNAL),
    ],
)
def test_reasons_by_class(error: Exception, reason: Reason) -> None:
    assert reason_of(error) is reason
    assert end_of_run(error)[0] is reason


def test_a_defect_is_kept_with_where_it_was() -> None:
    try:
        raise ZeroDivisionError("planted")
    except ZeroDivisionError as error:
        said = end_of_run(error)[1]
    assert "a defect of Galley: ZeroDivisionError('planted')" in said
    assert "test_reasons.py" in said
    assert end_of_run(errors.HeldError("kept", hint="lift it"))[1] == "kept\n  hint: lift it"


def test_what_the_database_does_is_nobodys_fault() -> None:
    assert of_the_home(errors.UnavailableError("locked"))
    assert of_the_home(errors.CorruptHomeError("x"))
    assert not of_the_home(errors.StorageError("a full disk"))
    assert not of_the_home(errors.ConflictError("x"))
