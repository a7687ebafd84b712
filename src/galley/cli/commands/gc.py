"""``galley gc``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from galley.cli import options, screen, words
from galley.cli.lazy import app_of
from galley.cli.session import open_session
from galley.clock import iso
from galley.environments import collection, compaction

if TYPE_CHECKING:
    from galley.environments.collection import Outcome, Survey
    from galley.environments.home import Home
    from galley.lake.collect import Item
    from galley.lake.model import Ref

LISTED = 8


def gc(
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would be removed.")] = False,
    compact: Annotated[
        bool, typer.Option("--compact", help="Put small files of environments together too.")
    ] = False,
    project: options.Project = None,
    as_json: options.Json = False,
) -> None:
    """Remove what is over: expired refs, old records and logs, files that nothing keeps.

    A version that no ref, tag, run or recent state shows is condemned first, and goes when its
    quarantine is over. What was planned is asked again before it is done.
    """
    session = open_session(project)
    session.ensure()
    found = collection.survey(session.home, session.project, session.manifest.retention)
    done = None if plan else collection.carry_out(session.home, found)
    if compact and done is not None:
        done = collection.with_compaction(session.home, session.project, done)
    tables = _compaction(session.home, session.project, done, compact=compact)
    facts = {**_facts(found, done), "compact": tables}
    if as_json:
        screen.print_json(facts)
    else:
        _print(facts, applied=done is not None)
    if done is not None and done.problems:
        raise typer.Exit(5)


def _facts(found: Survey, done: Outcome | None) -> dict[str, Any]:
    """What would go, or what went; what stays is as it was found."""
    expired, stale = (done.expired, done.stale) if done else (found.expired, found.stale)
    versions = found.versions
    files = [file for sweep in found.sweeps for file in sweep.files]
    unknown = [file for sweep in found.sweeps for file in sweep.unknown]
    return {
        "applied": done is not None,
        "refs": [_ref(one) for one in expired.refs],
        "logs": {"folders": len(expired.logs), "bytes": expired.log_bytes},
        "records": {
            "runs": len(stale.runs),
            "events": stale.events,
            "metrics": stale.metrics,
            "ref_log": stale.log_entries,
            "sessions": stale.sessions,
            "definitions": stale.definitions,
            "writers": done.writers if done else len(found.writers),
        },
        "versions": {
            "kept": versions.kept,
            "waiting": versions.waiting,
            "condemn": [_item(one) for one in (done.condemned if done else versions.condemn)],
            "remove": [_item(one) for one in (done.doomed if done else versions.doom)],
        },
        "commits": done.commits if done else len(versions.commits),
        "files": {
            "remove": done.files if done else len(files),
            "remove_bytes": done.bytes if done else sum(size for _, size in files),
            "kept": sum(sweep.kept for sweep in found.sweeps),
            "kept_bytes": sum(sweep.kept_bytes for sweep in found.sweeps),
            "unknown": [path for path, _ in unknown],
        },
        "problems": list(done.problems if done else _problems(found)),
    }


def _ref(ref: Ref) -> dict[str, Any]:
    return {"ref": ref.name, "owner": ref.owner, "expired": iso(ref.expires_at)}


def _item(item: Item) -> dict[str, Any]:
    return {"table": item.table, "content_id": item.content_id, "location": item.location}


def _problems(found: Survey) -> list[str]:
    return [sweep.problem for sweep in found.sweeps if sweep.problem is not None]


def _compaction(
    home: Home, project: str, done: Outcome | None, *, compact: bool
) -> list[dict[str, Any]]:
    """The tables that were compacted, or would be."""
    if done is not None:
        return [{"ref": one.ref, "table": one.table, "files": one.before} for one in done.compacted]
    if not compact:
        return []
    return [
        {"ref": one.ref, "table": one.version.table, "files": one.files}
        for one in compaction.find_scattered(home, project).tables
    ]


def _print(facts: dict[str, Any], *, applied: bool) -> None:
    verb = "removed" if applied else "would be removed"
    records, versions, files = facts["records"], facts["versions"], facts["files"]
    refs = ", ".join(one["ref"] for one in facts["refs"][:LISTED])
    logs = facts["logs"]
    rows = [
        ("expired refs", f"{len(facts['refs'])} {verb}" + (f": {refs}" if refs else "")),
        ("old runs", f"{records['runs']:,} {verb}"),
        ("old events", f"{records['events']:,} {verb}"),
        ("old metrics", f"{records['metrics']:,} {verb}"),
        (
            "old logs",
            f"{words.plural(logs['folders'], 'folder')}, {words.size(logs['bytes'])}, {verb}",
        ),
        ("versions", _versions(versions, done=applied)),
        (
            "files",
            f"{files['remove']:,}, {words.size(files['remove_bytes'])}, {verb}; "
            f"{files['kept']:,}, {words.size(files['kept_bytes'])}, kept",
        ),
    ]
    if files["unknown"]:
        count = words.plural(len(files["unknown"]), "file")
        rows.append(
            (
                "unknown",
                f"{count} that this home did not write, such as {files['unknown'][0]}; kept",
            )
        )
    for one in facts["compact"]:
        done = "put together" if applied else "would be put together"
        rows.append(("small files", f"{one['files']} of {one['table']} in {one['ref']} {done}"))
    rows += [("problem", f"{problem}; nothing there was removed") for problem in facts["problems"]]
    screen.table(("what", "how much"), rows)


def _versions(versions: dict[str, Any], *, done: bool) -> str:
    condemned = f"{len(versions['condemn']):,} {'condemned' if done else 'would be condemned'}"
    removed = f"{len(versions['remove']):,} {'removed' if done else 'would be removed'}"
    return f"{versions['kept']:,} kept, {condemned}, {versions['waiting']:,} waiting, {removed}"


app = app_of(gc)
