"""What must be true at every moment of a simulation: triggers that note what violates it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from galley.lake.commits import PUBLISHES
from galley.runs.model import LIVE
from galley.runs.transitions import RUN_MOVES, STEP_MOVES

State = TypeVar("State", bound=StrEnum)

_LIVE = ", ".join(sorted(f"'{state.value}'" for state in LIVE))
_PUBLISHES = ", ".join(f"'{kind.value}'" for kind in PUBLISHES)


def _moves(table: str, moves: Mapping[State, frozenset[State]]) -> str:
    allowed = ", ".join(
        f"'{one.value} {other.value}'" for one, following in moves.items() for other in following
    )
    wrong = f"OLD.state != NEW.state AND OLD.state || ' ' || NEW.state NOT IN ({allowed})"
    said = f"'{table} ' || OLD.id || ' went from ' || OLD.state || ' to ' || NEW.state"
    return _watch(f"{table}_moves", f"AFTER UPDATE OF state ON {table}", wrong, said)


def _watch(name: str, event: str, wrong: str, said: str) -> str:
    return f"CREATE TRIGGER {name} {event} WHEN {wrong} BEGIN INSERT INTO wrong SELECT {said}; END"


TRIGGERS: tuple[str, ...] = (
    "CREATE TABLE wrong (what TEXT)",
    "CREATE TABLE seen (content_id TEXT, location TEXT)",
    "CREATE TRIGGER seeing AFTER INSERT ON lake_entry WHEN NEW.location IS NOT NULL BEGIN "
    "INSERT INTO seen VALUES (NEW.content_id, NEW.location); END",
    _moves("run", RUN_MOVES),
    _moves("run_step", STEP_MOVES),
    _watch(
        "epochs",
        "AFTER UPDATE OF epoch ON run_step",
        "NEW.epoch != OLD.epoch AND NOT (NEW.epoch = OLD.epoch + 1 AND NEW.state = 'claimed')",
        "'the epoch of step ' || NEW.id || ' went to ' || NEW.epoch",
    ),
    _watch(
        "one_owner",
        "BEFORE INSERT ON run_attempt",
        "EXISTS (SELECT 1 FROM run_attempt AS other WHERE other.step_run_id = NEW.step_run_id "
        'AND other."end" IS NULL)',
        "'step ' || NEW.step_run_id || ' has two owners'",
    ),
    _watch(
        "one_end",
        'AFTER UPDATE OF "end" ON run_attempt',
        'OLD."end" IS NOT NULL AND OLD."end" IS NOT NEW."end"',
        "'attempt ' || NEW.id || ' ended twice'",
    ),
    _watch(
        "right_epoch",
        'AFTER UPDATE OF "end" ON run_attempt',
        "NEW.\"end\" = 'staged' AND NEW.epoch != (SELECT epoch FROM run_step "
        "WHERE id = NEW.step_run_id)",
        "'attempt ' || NEW.id || ' was taken over after it had lost its step'",
    ),
    _watch(
        "right_worker",
        "AFTER INSERT ON run_attempt",
        "EXISTS (SELECT 1 FROM run_worker_session AS s, run_step AS r WHERE s.id = NEW.owner "
        "AND r.id = NEW.step_run_id AND s.kind = 'worker' AND instr(r.grouping, '\"gpu\"') "
        "AND NOT instr(s.labels, '\"gpu\"'))",
        "'attempt ' || NEW.id || ' went to a worker without its label'",
    ),
    _watch(
        "limits",
        "AFTER UPDATE OF state ON run_step",
        "NEW.state = 'claimed' AND NEW.grouping != ''",
        "'more at work than ' || l.name || ' allows' FROM run_limit AS l "
        "WHERE instr(NEW.grouping, '\"' || l.name || '\"') AND l.slots < "
        "(SELECT count(*) FROM run_step AS s WHERE instr(s.grouping, '\"' || l.name || '\"') "
        f"AND s.state IN ({_LIVE}))",
    ),
    _watch(
        "forward",
        "AFTER UPDATE OF head ON lake_ref",
        "OLD.head != NEW.head AND (NEW.generation != OLD.generation + 1 OR OLD.head IS NOT "
        "(SELECT parent FROM lake_commit WHERE id = NEW.head))",
        "NEW.name || ' did not go one commit forward from ' || OLD.head",
    ),
    _watch(
        "once",
        "BEFORE INSERT ON lake_commit",
        f"NEW.kind IN ({_PUBLISHES}) AND EXISTS (SELECT 1 FROM lake_commit AS c "
        f"WHERE c.run_id = NEW.run_id AND c.kind IN ({_PUBLISHES}))",
        "'run ' || NEW.run_id || ' was published twice'",
    ),
    _watch(
        "withdrawn_returns",
        "AFTER INSERT ON lake_entry",
        f"(SELECT kind FROM lake_commit WHERE id = NEW.commit_id) IN ({_PUBLISHES}) AND EXISTS "
        "(SELECT 1 FROM lake_withdrawn AS w WHERE w.content_id = NEW.content_id)",
        "'withdrawn ' || NEW.location || ' was published'",
    ),
    _watch(
        "condemned_returns",
        "AFTER INSERT ON lake_entry",
        "EXISTS (SELECT 1 FROM lake_condemned AS c WHERE c.location = NEW.location)",
        "'condemned ' || NEW.location || ' was shown again'",
    ),
)
