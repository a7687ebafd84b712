"""Questions to tables: what is wrong with one is said with the nearest name and the place."""

import pytest

from tests.acceptance.inside import Inside, write
from tests.cli_cast import Shell

BIRDS = """
SELECT 1 AS ring, 'wren' AS species, 8.5 AS weight, DATE '2024-05-01' AS seen,
       'tiny' AS remark, 3 AS "eggs laid"
"""


@pytest.fixture(scope="module")
def ana(tmp_path_factory: pytest.TempPathFactory) -> Inside:
    """Ana at one small table."""
    folder = write(tmp_path_factory.mktemp("birds"), {"birds.sql": BIRDS})
    Shell(folder).galley("run")
    return Inside(folder)


WRONG: dict[str, tuple[str, str]] = {
    "SELECT specis FROM birds": ('"specis" not found in FROM clause (line 1, column 8)', "species"),
    "SELECT b.specis FROM birds b": ('"b" does not have a column named "specis"', "species"),
    "SELECT birds.specis FROM birds": ('does not have a column named "specis"', "species"),
    "SELECT ring FROM birds JOIN birds b USING (rng)": ('Column "rng" does not exist', "ring"),
    "SELECT seen\nFROM birds\nWHERE wieght > 8": ("(line 3, column 7)", "weight"),
    "WITH w AS (SELECT ring AS tag FROM birds) SELECT tagg FROM w": ('"tagg" not found', "tag"),
    "SELECT strftme(seen, '%Y') FROM birds": ("name strftme does not exist", "strftime"),
    "SELECT eggslaid FROM birds": ('"eggslaid" not found', '"eggs laid"'),
    "SELECT * FROM brds": ("no table brds", "birds"),
}


@pytest.mark.parametrize("query", WRONG)
def test_a_wrong_name_has_a_place_and_a_near_one(ana: Inside, query: str) -> None:
    said, meant = WRONG[query]
    ran = ana.galley("sql", query)
    assert (ran.status, said in ran.err, f"did you mean {meant}?" in ran.err) == (2, True, True), (
        ran.err
    )
    for raw in ("LINE 1", "Binder Error", "Catalog Error", "Candidate"):
        assert raw not in ran.err


def test_where_nothing_is_near_all_columns_are_told(ana: Inside) -> None:
    ran = ana.galley("sql", "SELECT qqq FROM birds")
    assert "there are the columns: eggs laid, remark, ring, seen, species, weight" in ran.err
    ran = ana.galley("sql", "SELECT species, count(*) FROM birds")
    assert "must appear in the GROUP BY clause" in ran.err
    assert "hint" not in ran.err


def test_data_that_does_not_fit_has_a_place(ana: Inside) -> None:
    for more in ("", ", seen"):
        ran = ana.galley("sql", f"SELECT\n CAST(species AS INT){more} FROM birds")
        assert ran.status == 1
        assert "Could not convert string 'wren' to INT32" in ran.err
        assert "(line 2, column 2)" in ran.err
        assert "Conversion Error" not in ran.err


def test_parameters_are_told_by_their_flag(ana: Inside) -> None:
    query = "SELECT * FROM birds WHERE ring > $least"
    assert "--param least=…" in ana.galley("sql", query).err
    assert "did you mean --param least=…?" in ana.galley("sql", query, "--param", "lest=1").err


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_NS"])
def test_times_without_an_end_keep_their_name(ana: Inside, kind: str) -> None:
    query = f"SELECT '-infinity'::{kind} AS a, 'infinity'::{kind} AS b FROM birds"
    row = {"a": "-infinity", "b": "infinity"}
    assert ana.galley("sql", query, "--json").json["rows"] == [row]
    assert ana.galley("sql", query).out == "a\tb\n-infinity\tinfinity\n"
    last = "SELECT DATE '9999-12-31' AS last, seen FROM birds ORDER BY birds.seen LIMIT 1"
    answer = ana.galley("sql", last, "--json").json
    assert answer["rows"] == [{"last": "9999-12-31", "seen": "2024-05-01"}]
    assert [one["name"] for one in answer["columns"]] == ["last", "seen"]


def test_a_json_object_holds_one_of_a_name(ana: Inside) -> None:
    query = "SELECT ring, ring FROM birds"
    assert ana.galley("sql", query).out == "ring\tring\n1\t1\n"
    ran = ana.galley("sql", query, "--json")
    assert ran.status == 2
    assert ran.json["error"]["hint"] == "give one another name: AS ring_2"
