"""Everything a Python step may return, and what it may not."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.runner_cast import Bench

PREAMBLE = "import duckdb, pandas as pd, polars as pl, pyarrow as pa\n"
TABLE = "pa.table({'id': [1, 2], 'name': ['a', None]})"
FRAME = "{'id': [1, 2], 'name': ['a', None]}"
QUERY = "SELECT id, if(id = 1, 'a', NULL) AS name FROM numbers WHERE id IN (1, 2)"

ACCEPTED = {
    "arrow table": TABLE,
    "arrow batch": f"{TABLE}.to_batches()[0]",
    "arrow reader": f"{TABLE}.to_reader()",
    "polars": f"pl.DataFrame({FRAME})",
    "polars lazy": f"pl.LazyFrame({FRAME})",
    "pandas": f"pd.DataFrame({FRAME})",
    "pandas filtered": "pd.DataFrame({'id': [0, 1, 2], 'name': ['', 'a', None]}).iloc[1:]",
    "duckdb of its own": "duckdb.sql(\"SELECT * FROM (VALUES (1, 'a'), (2, NULL)) t(id, name)\")",
    "query": f"numbers.sql({QUERY!r})",
    "query as polars": f"numbers.sql({QUERY!r}).to_polars()",
    "list of dicts": "[{'id': 1, 'name': 'a'}, {'id': 2}]",
    "dict of columns": FRAME,
    "by output": f"{{'made': {TABLE}}}",
    "list of batches": f"{TABLE}.to_batches()",
    "list of frames": "[pl.DataFrame({'id': [1], 'name': ['a']}), "
    "pl.DataFrame({'id': [2], 'name': [None]}, schema={'id': pl.Int64, 'name': pl.String})]",
    "iterator of arrow": f"iter({TABLE}.to_batches())",
    "iterator of pandas": "iter([pd.DataFrame({'id': [1], 'name': ['a']}), "
    "pd.DataFrame({'id': [2], 'name': [None]})])",
    "iterator of lists": "iter([[{'id': 1, 'name': 'a'}], [{'id': 2, 'name': None}]])",
    "iterator of rows": "iter([{'id': 1, 'name': 'a'}, {'id': 2, 'name': None}])",
    "arrow capsule": f"type('Any', (), {{'__arrow_c_stream__': {TABLE}.__arrow_c_stream__}})()",
}


def make(bench: Bench, returned: str, **more: object) -> object:
    code = f"{PREAMBLE}def made(numbers):\n    return {returned}\n"
    return bench.python("made", code, inputs=("numbers",), **more)


@pytest.mark.parametrize("returned", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepted(numbers: Bench, returned: str) -> None:
    done = numbers.run(make(numbers, returned))  # type: ignore[arg-type]
    assert numbers.rows("made", "id") == [(1, "a"), (2, None)]
    assert numbers.types("made")["name"] == "string"
    assert done.rows == 2


@pytest.mark.parametrize("returned", ["numbers", "numbers.batches(3)", "numbers.to_lazy()"])
def test_the_input_itself(numbers: Bench, returned: str) -> None:
    numbers.run(make(numbers, returned))  # type: ignore[arg-type]
    assert numbers.query("FROM made EXCEPT FROM numbers") == []
    assert numbers.query("SELECT count(*) FROM made") == [(10,)]


REFUSED = {
    "number": ("5", "an int", "return an Arrow table"),
    "nothing": ("None", "nothing (None)", "none"),
    "text": ("'rows'", "a str", "return an Arrow table"),
    "list of numbers": ("[1, 2]", "a list of int", "return an Arrow table"),
    "pandas series": ("pd.Series([1], name='a')", "a pandas.Series", "to_frame"),
    "polars series": ("pl.Series('a', [1])", "a polars.", "to_frame"),
    "index": (
        "pd.DataFrame({'a': [1]}, index=pd.Index([5], name='id'))",
        "index id",
        "reset_index",
    ),
    "text index": ("pd.DataFrame({'a': [1]}, index=['x'])", "index", "reset_index"),
    "numbered columns": ("pd.DataFrame([[1, 2]])", "column named 0", "rename"),
    "function": ("lambda: 1", "a function", "call it"),
    "unequal columns": ("{'a': [1], 'b': [1, 2]}", "dict", "return an Arrow table"),
    "dict of values": ("{'a': 1}", "dict", "return an Arrow table"),
    "no rows, no columns": ("[]", "no rows", "columns"),
    "stream of numbers": ("iter([1])", "an int", "return an Arrow table"),
    "stream of streams": ("iter([iter([])])", "iterator", "return an Arrow table"),
}


@pytest.mark.parametrize(("returned", "said", "hint"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(numbers: Bench, returned: str, said: str, hint: str) -> None:
    failed = numbers.fail(make(numbers, returned))  # type: ignore[arg-type]
    assert failed.error == "galley.errors.ResultError"
    assert "step made" in failed.message
    assert said in failed.message
    assert hint in (failed.hint or "")


def test_an_async_function_is_refused(bench: Bench) -> None:
    failed = bench.fail(bench.python("made", "async def made():\n    return 1\n"))
    assert "asyncio.run" in (failed.hint or "")


@pytest.mark.parametrize(
    "returned",
    ["[{'a': 1}, {'a': 'x'}]", "pd.DataFrame({'a': [1, 'x']})", "{'a': [1, 'x']}"],
)
def test_values_of_several_types(numbers: Bench, returned: str) -> None:
    failed = numbers.fail(make(numbers, returned))  # type: ignore[arg-type]
    assert failed.error == "galley.errors.DataTypeError"


def test_a_column_of_nothing(numbers: Bench) -> None:
    failed = numbers.fail(make(numbers, "[{'a': None}]"))  # type: ignore[arg-type]
    assert (failed.error, "'a'" in failed.message) == ("galley.errors.DataTypeError", True)


def test_batches_of_other_columns(numbers: Bench) -> None:
    returned = "iter([pa.table({'a': [1]}), pa.table({'b': [1]})])"
    failed = numbers.fail(make(numbers, returned))  # type: ignore[arg-type]
    assert failed.error == "galley.errors.SchemaChangeError"


@pytest.mark.parametrize("kept", ["pl.DataFrame", "pl.LazyFrame", "pd.DataFrame"])
def test_no_rows_but_columns(numbers: Bench, kept: str) -> None:
    returned = f"{kept}({{'id': pa.array([], pa.int64()).to_numpy()}})"
    numbers.run(make(numbers, returned))  # type: ignore[arg-type]
    assert (numbers.rows("made"), numbers.types("made")) == ([], {"id": "long"})


STREAM = """
import resource, sys
from pathlib import Path
from tests.runner_cast import Bench
bench = Bench(Path(sys.argv[1]))
bench.project.mkdir(); bench.warehouse.mkdir()
code = '''
import pyarrow as pa, numpy as np
def made():
    random = np.random.default_rng(1)
    for number in range(int({count})):
        yield pa.table({{"a": random.integers(0, 2**62, 500_000), "n": np.full(500_000, number)}})
'''
bench.run(bench.python("made", code.format(count=sys.argv[2])), memory=128 * 2**20)
print(bench.tables["made"].rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_a_stream_larger_than_memory(tmp_path: Path) -> None:
    """640 MB of numbers pass through a process that grows by less than half of that."""
    peaks = {}
    for count in (4, 80):
        folder = tmp_path / str(count)
        folder.mkdir()
        command = [sys.executable, "-c", STREAM, str(folder), str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows, peaks[count] = map(int, done.stdout.split())
        assert rows == count * 500_000
    assert peaks[80] - peaks[4] < 300
