"""The project's modules in a warm process."""

import sys

from tests.runner_cast import Bench

READS = "import lib\ndef {name}():\n    return [{{'value': lib.VALUE}}]\n"


def test_changed_code_is_seen(bench: Bench) -> None:
    step = bench.python("x", "def x():\n    return [{'a': 1}]\n")
    bench.run(step)
    bench.run(bench.python("x", "def x():\n    return [{'a': 2}]\n"))
    assert bench.rows("x") == [(2,)]


def test_a_changed_module_is_seen(bench: Bench) -> None:
    step = bench.python("x", READS.format(name="x"))
    for value in (1, 2):
        bench.write("pipelines/p/lib.py", f"VALUE = {value}\n")
        bench.run(step)
        assert bench.rows("x") == [(value,)]


def test_unchanged_code_is_imported_once(bench: Bench) -> None:
    code = "calls = []\ndef x():\n    calls.append(1)\n    return [{'calls': len(calls)}]\n"
    step = bench.python("x", code)
    bench.run(step)
    bench.run(step)
    assert bench.rows("x") == [(2,)]


def test_steps_do_not_share_module_state(bench: Bench) -> None:
    bench.write("pipelines/p/lib.py", "VALUE = 1\n")
    changes = READS.format(name="x") + "lib.VALUE = 5\n"
    bench.run(bench.python("x", changes))
    bench.run(bench.python("y", READS.format(name="y")))
    assert bench.rows("y") == [(1,)]


def test_nothing_of_the_project_stays_importable(bench: Bench) -> None:
    bench.write("pipelines/p/lib.py", "VALUE = 1\n")
    before = list(sys.path)
    bench.run(bench.python("x", READS.format(name="x")))
    assert sys.path == before
    assert not {"lib", "pipelines", "pipelines.p.x"} & set(sys.modules)
    assert not list(bench.project.rglob("__pycache__"))


def test_modules_beyond_the_key_are_reported(bench: Bench) -> None:
    bench.write("shared/tools.py", "VALUE = 3\n")
    bench.write("pipelines/p/lib.py", "VALUE = 1\n")
    code = (
        "import importlib, lib\n"
        "def x():\n"
        "    return [{'value': importlib.import_module('shared.tools').VALUE}]\n"
    )
    step = bench.python("x", code, modules=("pipelines/p/lib.py",))
    assert bench.run(step).modules == ("shared/tools.py",)
    assert bench.run(step).modules == ("shared/tools.py",), "also when it was loaded before"
    bench.run(bench.python("y", "def y():\n    return [{'a': 1}]\n"))
    assert bench.rows("x") == [(3,)]


def test_a_step_named_like_a_standard_module(bench: Bench) -> None:
    bench.run(bench.python("statistics", "def statistics():\n    return [{'a': 1}]\n"))
    code = "import statistics\ndef x():\n    return [{'a': statistics.mean([1, 3])}]\n"
    bench.run(bench.python("x", code))
    assert bench.rows("x") == [(2,)]


def test_relative_imports(bench: Bench) -> None:
    bench.write("pipelines/p/lib.py", "VALUE = 4\n")
    code = "from . import lib\ndef x():\n    return [{'a': lib.VALUE}]\n"
    bench.run(bench.python("x", code))
    assert bench.rows("x") == [(4,)]
