"""The end of a run in words: what was published or why not, step by step, test by test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from galley.cli import screen, words
from galley.cli.progress import test_counts

if TYPE_CHECKING:
    from rich.console import Console

Facts = Mapping[str, Any]

MOST_STEPS = 40
MOST_TESTS = 10
MOST_FAILURES = 10
SAMPLE = 5


def print_run(facts: Facts, *, brief: bool = False) -> None:
    """Everything that matters about a run; a brief one names tests that block nothing in a line."""
    console = screen.out()
    print_steps(facts["steps"])
    if facts["backfill"] and not brief:
        print_backfill(facts["backfill"])
    print_tests(facts["tests"], brief=brief)
    for text in facts["warnings"]:
        _line(console, f"! {text}", "yellow")
    _verdict(console, facts)


def print_steps(steps: Sequence[Facts]) -> None:
    """One line for each step."""
    if not steps:
        return
    shown = steps[:MOST_STEPS]
    rows = [
        (
            f"{words.glyph(step['state'])} {step['name']}",
            words.word(step["state"]),
            words.number(step["rows"]),
            words.seconds(step["seconds"]),
            _why(step),
        )
        for step in shown
    ]
    screen.table(("step", "state", "rows", "time", "why"), rows, right=("rows", "time"))
    if len(steps) > len(shown):
        screen.out().print(f"… and {words.plural(len(steps) - len(shown), 'more step')}")


def _why(step: Facts) -> str:
    """Why a step is in its state; what a test said stands below."""
    if step["state"] == "blocked" and step["message"]:
        return str(step["message"]).partition(":")[0]
    said = (step["message"] or step["why"] or "").splitlines()
    return words.cut(said[0], 240) if said else ""


def print_backfill(facts: Facts) -> None:
    """Windows by state, neighbours as one line: there may be thousands."""
    console = screen.out()
    said = [f"{facts['made']:,} of {words.plural(facts['windows'], 'window')} made"]
    if facts["windows_per_second"]:
        said.append(f"{facts['windows_per_second']:.3g} a second")
    if facts["seconds_left"]:
        said.append(f"{words.seconds(facts['seconds_left'])} left")
    said += [f"{facts[name]:,} {name}" for name in ("failed", "cancelled") if facts[name]]
    _line(console, " · ".join(said))
    rows = [
        (
            f"{words.glyph(one['state'])} {_between(one)}",
            words.word(one["state"]),
            words.number(one["windows"]),
            words.number(one["runs"]),
        )
        for one in facts["stretches"][:MOST_STEPS]
    ]
    if rows:
        screen.table(("windows", "state", "number", "runs"), rows, right=("number",))
    if len(facts["stretches"]) > MOST_STEPS:
        console.print("… and more: --json")


def _between(one: Facts) -> str:
    """``2024-03-01..2024-03-05``; a key alone."""
    return one["start"] if one["start"] == one["end"] else f"{one['start']}..{one['end']}"


def _failed_windows(console: Console, facts: Facts | None) -> None:
    """The windows of a backfill that failed, each with its first error."""
    failures = facts["failures"] if facts else []
    for one in failures[:MOST_FAILURES]:
        what = _between(one) if one["start"] else "what the windows are cut from"
        said = words.cut((one["message"] or "").partition("\n")[0], 200)
        _line(console, f"  failed: {what}: {said} (run {words.short(one['run'])})")
    if len(failures) > MOST_FAILURES:
        _line(console, "  … and others: --json")


def print_tests(tests: Sequence[Facts], *, brief: bool = False) -> None:
    """Those tests that did not pass, with their evidence."""
    console = screen.out()
    bad = [test for test in tests if test["verdict"] != "pass"]
    lines = [test for test in bad if brief and not (test["blocks"] or test["override"])]
    full = [test for test in bad if test not in lines]
    for test in full[:MOST_TESTS]:
        console.print()
        _print_test(console, test)
    if lines:
        console.print()
    for test in lines[:MOST_TESTS]:
        sign, what = words.glyph(test["verdict"]), f"{test['name']} on {test['table']}"
        _line(console, f"{sign} {what}: {test['message']}", words.colour(test["verdict"]))
    hidden = max(0, len(full) - MOST_TESTS) + max(0, len(lines) - MOST_TESTS)
    if hidden:
        console.print(f"… and {words.plural(hidden, 'more test')}")


def _print_test(console: Console, test: Facts) -> None:
    verdict = test["verdict"]
    effect = "blocks the publish" if test["blocks"] else "does not block"
    if test["override"]:
        effect = f"let through by {test['override']['by']}: {test['override']['reason']}"
    head = (
        f"{words.glyph(verdict)} {test['name']} on {test['table']}: {words.word(verdict)}, {effect}"
    )
    _line(console, head, words.colour(verdict))
    if test["message"]:
        _line(console, f"    {test['message']}")
    measured = []
    if test["value"] is not None:
        measured.append(f"value {words.cut(words.value(test['value']), 200)}")
    if test["limits"]:
        measured.append(f"limits {words.cut(words.value(test['limits']), 200)}")
    if test["failing"]:
        measured.append(f"{words.number(test['failing'])} of {words.rows(test['rows'])}")
    if measured:
        _line(console, f"    {' · '.join(measured)}")
    _sample(console, test["sample"])
    if test["sql"]:
        sql = f"    sql: {' '.join(test['sql'].split())}"
        console.print(sql, style="dim", markup=False, soft_wrap=True)
    if test["where"]:
        _line(console, f"    defined in {test['where']}", "dim")


def _sample(console: Console, sample: Sequence[Mapping[str, Any]]) -> None:
    if not sample:
        return
    from rich.padding import Padding

    names = list(dict.fromkeys(name for row in sample for name in row))
    rows = [[words.value(row.get(name)) for name in names] for row in sample[:SAMPLE]]
    console.print(Padding(fitting_table(names, rows, console.width - 4), (0, 0, 0, 4)))


def fitting_table(names: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> Any:
    """A table of as many columns as fit side by side; the rest is named below."""
    from rich.table import Table
    from rich.text import Text

    wide = 40
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    left = room
    shown = 0
    for at, name in enumerate(names):
        needed = min(wide, max([len(name), *(len(row[at]) for row in rows)])) + 2
        if needed > left and shown:
            break
        left -= needed
        shown += 1
        numeric = all(_is_number(row[at]) for row in rows) and bool(rows)
        table.add_column(
            Text(name),
            no_wrap=True,
            overflow="ellipsis",
            max_width=wide,
            justify="right" if numeric else "left",
        )
    for row in rows:
        table.add_row(*(Text(" ".join(cell.split())) for cell in row[:shown]))
    if shown < len(names):
        hidden = ", ".join(names[shown:])
        table.caption = Text(f"not shown: {hidden}", style="dim")
        table.caption_justify = "left"
    return table


def _verdict(console: Console, facts: Facts) -> None:
    console.print()
    run = words.short(facts["run"])
    if facts["published"]:
        _published(console, facts)
        return
    state = facts["state"]
    if state not in ("failed", "cancelled", "superseded"):
        _line(
            console, f"{words.glyph(state)} run {run} is {words.word(state)}", words.colour(state)
        )
        return
    _line(console, f"✗ nothing was published; {facts['ref']} is untouched", "bold red")
    failed = [step for step in facts["steps"] if step["state"] == "failed"]
    blocked = any(test["blocks"] for test in facts["tests"])
    if facts["message"] and not blocked and len(failed) < 2:
        _line(console, f"  {state}: {facts['message']}")
    for step in failed[:MOST_FAILURES]:
        _failure(console, step, named=len(failed) > 1 or blocked)
    if len(failed) > MOST_FAILURES:
        _line(console, f"  … and {words.plural(len(failed) - MOST_FAILURES, 'more failed step')}")
    _failed_windows(console, facts["backfill"])
    _line(console, f"  next: galley show {run} · galley logs {run} · galley resume {run}", "cyan")


def _published(console: Console, facts: Facts) -> None:
    steps = facts["steps"]
    reused = sum(step["state"] == "reused" for step in steps)
    said = [words.plural(len(steps), "step")]
    if facts["backfill"]:
        runs = sum(facts["backfill"]["runs"].values())
        said = [words.plural(facts["backfill"]["made"], "window"), words.plural(runs, "run")]
    if reused:
        said[0] += f" ({reused} reused)"
    if facts["tests"]:
        said.append(tested(facts["tests"]))
    said.append(words.seconds(facts["seconds"]))
    stays = facts["commit"] == facts["base"]
    commit = f" {'at' if stays else 'as'} commit {words.short(facts['commit'])}"
    commit = commit if facts["commit"] else ""
    if stays and commit:
        _line(console, f"✓ nothing has changed: {facts['ref']} stays{commit}", "bold green")
    else:
        _line(console, f"✓ published to {facts['ref']}{commit}", "bold green")
    _line(console, f"  run {words.short(facts['run'])} · {' · '.join(said)}")
    if facts["cause"] != "promotion" and facts["ref"].startswith("kitchen/"):
        _line(console, '  next: galley sql "SELECT …" · galley promote', "cyan")


def _failure(console: Console, step: Facts, *, named: bool) -> None:
    """Where a step failed and what to do; its message too, unless it is the run's own."""
    if named:
        _line(console, f"  failed: {step['name']}: {step['message'] or 'no reason was given'}")
    if step["where"]:
        _line(console, f"  at {step['where']}")
    if step["hint"]:
        _line(console, f"  hint: {step['hint']}", "cyan")
    if step["trace"]:
        for line in str(step["trace"]).rstrip().splitlines()[-12:]:
            _line(console, f"    {line}", "dim")


def _line(console: Console, text: str, style: str = "") -> None:
    screen.say(console, text, style)


def tested(tests: Sequence[Facts]) -> str:
    """How the tests went, in a few words."""
    counts: dict[str, int] = {}
    for test in tests:
        counts[test["verdict"]] = counts.get(test["verdict"], 0) + 1
    return test_counts(counts)


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return text == "NULL"
    return True
