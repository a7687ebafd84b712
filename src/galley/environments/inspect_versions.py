"""Versions of a project as plain values: what they are, where they work, what they changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from galley.clock import iso
from galley.environments import versions
from galley.environments.home import Home
from galley.environments.inspect import Facts
from galley.environments.launch import code_folder, kept_code
from galley.environments.promotion import code_changes
from galley.lake import commits, refs
from galley.lake.model import RefKind
from galley.project.codec import manifest_from_json
from galley.project.model import Manifest
from galley.project.seeds import left_behind
from galley.runs import records


def versions_facts(
    connection: Connection, project: str, rows: Sequence[Mapping[str, Any]]
) -> list[Facts]:
    """Versions in one line each, with the environments and kitchens that work with them."""
    places = _places(connection, project)
    return [_line(row, *places) for row in rows]


def version_facts(
    connection: Connection, home: Home, project: str, version: str, against: str | None = None
) -> Facts:
    """A version with its pipelines and files, and the steps that differ from another one's."""
    row = records.definition_row(connection, version)
    manifest = manifest_from_json(row["body"])
    return {
        **_line(row, *_places(connection, project)),
        "files": len(manifest.files),
        "steps": len(manifest.steps),
        "pipelines": [
            {
                "name": one.name,
                "description": one.description,
                "owner": one.owner or manifest.owner,
                "steps": list(one.steps),
            }
            for one in manifest.pipelines.values()
        ],
        "contents": [{"path": path, "sha256": sha} for path, sha in manifest.files.items()],
        "packages": dict(manifest.packages),
        "warnings": _warnings(home, row, manifest),
        "changes": _changes(connection, project, manifest, against) if against else None,
    }


def deploy_facts(
    connection: Connection, home: Home, project: str, done: versions.Deployed
) -> Facts:
    """A deploy as ``galley deploy --json`` prints it."""
    row = records.definition_row(connection, done.version)
    manifest = manifest_from_json(row["body"])
    return {
        **_line(row, *_places(connection, project)),
        "ref": done.ref.name,
        "new": done.new,
        "before": done.before,
        "warnings": _warnings(home, row, manifest),
    }


def _warnings(home: Home, row: Mapping[str, Any], manifest: Manifest) -> list[str]:
    """Those of the definitions, and what a version lacks that runs without its folder."""
    found = list(manifest.warnings)
    if row["folder"] == str(code_folder(home, manifest.hash)):
        found += [
            f"{step.source.path}: {pattern} stays behind, it is not there or too large; "
            "give an absolute path or an address"
            for step, pattern in left_behind(manifest)
        ]
    return found


def _changes(connection: Connection, project: str, manifest: Manifest, against: str) -> Facts:
    other = versions.version_at(connection, project, against)
    before, _ = kept_code(connection, other)
    return {
        "against": other,
        "steps": [
            {"step": one.step, "change": one.change} for one in code_changes(before, manifest)
        ],
    }


def _places(
    connection: Connection, project: str
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """By version, the environments in which it is active and the kitchens it is deployed to."""
    active: dict[str, list[str]] = {}
    environments = refs.list_refs(connection, project, (RefKind.ENVIRONMENT,))
    heads = commits.get_commits(connection, {ref.head for ref in environments})
    for ref in environments:
        if version := heads[ref.head].code_version:
            active.setdefault(version, []).append(ref.name)
    deployed: dict[str, list[str]] = {}
    for name, version in refs.code_versions(connection, project):
        deployed.setdefault(version, []).append(name)
    return active, deployed


def _line(
    row: Mapping[str, Any], active: Mapping[str, list[str]], deployed: Mapping[str, list[str]]
) -> Facts:
    id = row["id"]
    return {
        "version": id,
        "short": id[: versions.SHORT],
        "project": row["project"],
        "git_commit": row["git_commit"],
        "dirty": bool(row["dirty"]),
        "message": row["message"],
        "actor": row["registered_by"] or row["actor"],
        "created": iso(row["registered"] or row["created"]),
        "files": row["files"],
        "steps": row["steps"],
        "active_in": active.get(id, []),
        "deployed_in": deployed.get(id, []),
    }
