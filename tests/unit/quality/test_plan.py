"""Many tests become few queries."""

from functools import partial

from galley.quality.model import Check, Fact, FactKind, Judgement, Term
from galley.quality.plan import MOST_TERMS, alone, plan, text_of
from galley.quality.proofs import Known
from galley.quality.scope import Scope
from tests.quality_cast import spec

ROWS = {"rows": Term("count(*)", Fact(FactKind.ROWS))}
DAY = Scope("day", "date", (("2013-01-01", "2013-01-02"),))


def check(terms: dict[str, Term], table: str = "flights", scope: Scope | None = None) -> Check:
    judge = partial(Judgement, None, "")
    return Check(spec("row_count", table), lambda _: judge(), scope or Scope(), terms)


def test_a_term_is_measured_once_however_many_tests_want_it() -> None:
    planned = plan([check(ROWS), check({**ROWS, "a": Term("max(a)")})], lambda *_: None)
    (select,) = planned.selects
    assert select.sql == 'SELECT count(*), max(a) FROM "flights"'


def test_what_is_proved_is_not_measured() -> None:
    planned = plan([check(ROWS)], lambda *_: Known(7))
    assert planned.selects == ()
    assert planned.proved == ({"rows": 7},)


def test_every_table_and_scope_has_a_select_of_its_own() -> None:
    checks = [check(ROWS), check(ROWS, "planes"), check(ROWS, scope=DAY)]
    selects = plan(checks, lambda *_: None).selects
    assert [(one.table, bool(one.scope)) for one in selects] == [
        ("flights", False),
        ("planes", False),
        ("flights", True),
    ]


def test_long_selects_are_split() -> None:
    terms = {f"t{number}": Term(f"max(c{number})") for number in range(MOST_TERMS + 1)}
    selects = plan([check(terms)], lambda *_: None).selects
    assert [len(select.terms) for select in selects] == [MOST_TERMS, 1]


def test_a_check_can_be_shown_alone() -> None:
    one = check(ROWS, scope=DAY)
    assert alone(one) == (
        'SELECT count(*) AS "rows" FROM "flights" WHERE ("day" >= DATE \'2013-01-01\' '
        "AND \"day\" < DATE '2013-01-02')"
    )
    assert text_of(one, detailed=True) == alone(one)
