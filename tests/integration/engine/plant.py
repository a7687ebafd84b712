"""Random pipelines whose every table is known in advance, so that no row can hide.

Every table has the rows of ``raw`` with a number added to ``amount``; appends, merges and windows
take the newest batch only and must still end up with every batch exactly once.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from galley.lake import refs
from galley.lake.model import RefKind
from galley.runs.model import RunState
from tests.integration.engine.kit import KITCHEN, Row, Works

DAYS = ("2024-03-01", "2024-03-02", "2024-03-03")
WINDOW = "{column: day, by: day, start: 2024-03-01, end: 2024-03-04}"
KINDS = ("table", "table", "python", "append", "window", "merge", "view")
NEWEST = "batch = (SELECT max(batch) FROM {parent})"
IN_WINDOW = "day >= $start AND day < $end"


@dataclass
class Plant:
    """A project of one load and some derived steps. ``offsets`` says what each adds to amount."""

    works: Works
    seed: int
    steps: int = 7
    batch: int = 0
    lines: list[tuple[int, str, int, int]] = field(default_factory=list)
    offsets: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.offsets["raw"] = 0
        kinds = ["append", "window", "python", "merge"]
        kinds += [self.chance.choice(KINDS) for _ in range(max(0, self.steps - len(kinds)))]
        self.chance.shuffle(kinds)
        for number, kind in enumerate(kinds):
            self._step(f"t{number}_{kind}", kind)
        last = list(self.offsets)[-1]
        test = f"foreign_key: {{table: {last}, column: id, to: {{table: raw}}}}"
        self.works.write("tests/all.yaml", f"spanning:\n  - {test}\n")
        self.grow()

    def grow(self) -> None:
        """Another delivery: a new batch of rows on every day."""
        self.batch += 1
        for day in DAYS:
            for _ in range(self.chance.randint(1, 3)):
                number = len(self.lines) + 1
                self.lines.append((number, day, self.batch, self.chance.randint(0, 99)))
        text = "\n".join(",".join(map(str, line)) for line in self.lines)
        self.works.load("raw", f"id,day,batch,amount\n{text}\n", tests=[{"unique": "id"}])

    def prove(self) -> None:
        """Have a kitchen beside this one make the newest batch, so that its windows are there."""
        home, name = self.works.home, f"kitchen/beside-{self.batch}"
        with home.database.write() as conn:
            here = refs.get_ref(conn, self.works.name, KITCHEN)
            kind, now = RefKind.KITCHEN, home.clock()
            refs.create_ref(conn, here.project, name, kind, here.head, owner="ben", now=now)
        run = self.works.run(ref=name)
        assert run.state is RunState.SUCCEEDED, run.message

    def truth(self, table: str, batch: int) -> list[Row]:
        """What a table must hold once a batch is published."""
        more = self.offsets[table]
        return [(i, day, b, n + more) for i, day, b, n in self.lines if b <= batch]

    def shown(self, ref: str = KITCHEN) -> int:
        """The one batch that all tables show in full; an error says which table disagrees."""
        held = self.works.rows_of(self.offsets, ref)
        found = {table: self._batch_of(table, rows) for table, rows in held.items()}
        batches = set(found.values())
        assert len(batches) == 1, f"half published: {found}"
        return batches.pop()

    def _batch_of(self, table: str, held: list[Row]) -> int:
        rows = [(i, str(day), b, n) for i, day, b, n in held]
        batch = max((row[2] for row in rows), default=0)
        wanted = self.truth(table, batch)
        assert rows == wanted, f"{table} holds {len(rows)} rows, not {len(wanted)}"
        return batch

    def _step(self, name: str, kind: str) -> None:
        parent = self.chance.choice(list(self.offsets))
        more = self.chance.randint(1, 9)
        self.offsets[name] = self.offsets[parent] + more
        select = f"SELECT id, day, batch, amount + {more} AS amount FROM {parent}"
        newest = f"{select} WHERE {NEWEST.format(parent=parent)}"
        tests = self.chance.choice(([{"unique": "id"}], [{"row_count": {"min": 1}}], []))
        if kind == "python":
            body = f'return {parent}.sql("{select}")'
            self.works.python(name, f"@step(tests={tests})\ndef {name}({parent}):\n    {body}")
        elif kind == "append":
            self.works.sql(name, newest, materialize="append", cursor="batch", tests=tests)
        elif kind == "merge":
            self.works.sql(name, newest, materialize="merge", key="[id]", tests=tests)
        elif kind == "view":
            self.works.sql(name, select, materialize="view")
        elif kind == "window":
            sql = f"{select} WHERE {IN_WINDOW}"
            self.works.sql(name, sql, materialize="window", window=WINDOW, tests=tests)
        else:
            self.works.sql(name, select, tests=tests)
