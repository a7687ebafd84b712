"""Starting a project, and adding a source to one, as files that the user owns from then on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from galley.errors import NotFoundError, StorageError, UsageError
from galley.project.find import PROJECT_FILE
from galley.project.formats import format_of
from galley.project.names import check_name, hint_for, nearest, suggestion
from galley.project.starter import starter_files

_SECRETS = re.compile(r"^secrets:[ \t]*(#.*)?$", re.MULTILINE)
_ANY_SECRETS = re.compile(r"^secrets:", re.MULTILINE)
_MAGIC = frozenset("*?[")


def init_project(folder: Path, name: str) -> tuple[Path, ...]:
    """Write a small project that runs and passes its tests; returns the files written.

    Raises UsageError when a file is already there (nothing is written then), and DefinitionError
    for a name that cannot be one, StorageError where nothing can be written.
    """
    check_name(name, "project", None)
    files = {folder / path: text for path, text in starter_files(name.lower()).items()}
    if (folder / PROJECT_FILE).exists():
        raise UsageError(
            f"{folder} is a project already",
            hint="change into it and run `galley check`, or choose another folder",
        )
    taken = sorted(str(path.relative_to(folder)) for path in files if path.exists())
    if taken:
        raise UsageError(
            f"{folder} already holds {', '.join(taken)}; nothing was written",
            hint="choose an empty folder",
        )
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be written: {error.strerror}", hint="choose another folder"
        ) from error
    return tuple(files)


def add_source(project: Path, pipeline: str | None, source: str, name: str | None) -> Path:
    """Write a load step for a file, a folder, a pattern of files or ``postgres://…/table``.

    Returns its path. The step goes into ``pipeline``, by default the only one. A password never
    reaches a file: a secret takes its place and is declared in galley.yaml. Raises UsageError,
    NotFoundError or DefinitionError; nothing is written then.
    """
    found = _database(source) if "://" in source else _files(project, source)
    step = check_name(name or suggestion(found.name), "table", None).lower()
    folder = project / "pipelines" / _pipeline(project, pipeline)
    target = folder / f"{step}.yaml"
    for ending in (".yaml", ".yml", ".sql", ".py"):
        if (folder / f"{step}{ending}").exists():
            raise UsageError(
                f"{folder.name} has a step '{step}' already ({step}{ending})",
                hint=f"give the table another name: --name {step}_2",
            )
    if found.secret is not None:
        _declare(project / PROJECT_FILE, found.secret)
    folder.mkdir(parents=True, exist_ok=True)
    target.write_text(found.text, "utf-8")
    return target


@dataclass(frozen=True, slots=True)
class _Source:
    name: str
    text: str
    secret: str | None = None


def _pipeline(project: Path, wanted: str | None) -> str:
    root = project / "pipelines"
    known = sorted(
        path.name
        for path in (root.iterdir() if root.is_dir() else ())
        if path.is_dir() and not path.name.startswith((".", "_"))
    )
    if wanted is not None:
        if wanted not in known and (close := nearest(wanted, known)) is not None:
            raise UsageError(f"there is no pipeline '{wanted}'", hint=f"did you mean '{close}'?")
        return check_name(wanted, "pipeline", None)
    if len(known) > 1:
        raise UsageError(
            "the project has several pipelines", hint=hint_for("", known, "choose one of")
        )
    return known[0] if known else suggestion(project.absolute().name)


def _files(project: Path, source: str) -> _Source:
    path = Path(source).expanduser()
    path = path if path.is_absolute() else Path.cwd() / path
    name = path.name.partition(".")[0]
    if path.is_dir():
        path, name = path / f"*{_ending(path)}", path.name
    elif _MAGIC & set(path.name):
        name = re.sub(r"[*?\[\]]+", "", name).strip("_-. ") or path.parent.name
        if not any(path.parent.glob(path.name)):
            raise NotFoundError(f"no file matches {path}")
    elif not path.is_file():
        near = path.parent.iterdir() if path.parent.is_dir() else ()
        raise NotFoundError(
            f"there is no file {path}", hint=hint_for(path.name, [one.name for one in near])
        )
    kind = format_of(path.name)
    if kind is None:
        raise UsageError(
            f"the format of {path.name} is not known",
            hint="galley add reads csv, tsv, json, jsonl, ndjson and parquet files",
        )
    written = _written(path, project)
    return _Source(name, f"kind: load\npath: {_quoted(written)}\nformat: {kind}\n")


def _ending(folder: Path) -> str:
    """The ending that a folder's files have in common."""
    endings = {
        "".join(path.suffixes[-2:] if path.suffix in (".gz", ".zst") else path.suffixes[-1:])
        for path in folder.iterdir()
        if path.is_file() and format_of(path.name) is not None
    }
    if len(endings) != 1:
        raise UsageError(
            f"{folder} holds files of several formats" if endings else f"{folder} holds no data",
            hint=f"name the files: '{folder}/*.csv'",
        )
    return endings.pop()


def _written(path: Path, project: Path) -> str:
    """The path from the project folder where it lies inside, else the whole path."""
    resolved = path.parent.resolve() / path.name
    home = project.resolve()
    return (resolved.relative_to(home) if resolved.is_relative_to(home) else resolved).as_posix()


def _quoted(text: str) -> str:
    """A text as YAML, in quotes where it could be read as something else."""
    if re.fullmatch(r"[A-Za-z0-9_./-]+", text) and not text.startswith("-"):
        return text
    return "'" + text.replace("'", "''") + "'"


def _database(source: str) -> _Source:
    parts = urlsplit(source)
    if parts.scheme not in ("postgres", "postgresql"):
        raise UsageError(
            f"galley add cannot read '{parts.scheme}://'",
            hint="a file, a folder, a pattern, or postgres://USER@HOST/DATABASE/TABLE",
        )
    path = [unquote(part) for part in parts.path.split("/") if part]
    if len(path) != 2:
        raise UsageError(
            "the address names no table",
            hint="postgres://USER@HOST/DATABASE/TABLE (or …/SCHEMA.TABLE)",
        )
    database, table = path
    name = suggestion(table.rpartition(".")[2])
    user, at, host = parts.netloc.rpartition("@")
    secret = None
    if ":" in user:
        secret = f"{name}_password".upper()
        user = f"{user.partition(':')[0]}:${{{secret}}}"
    if "password=" in parts.query:
        raise UsageError("write the password before the host: postgres://USER:PASSWORD@HOST/…")
    address = urlunsplit(
        (parts.scheme, f"{user}{at}{host}", f"/{quote(database)}", parts.query, "")
    )
    lines = ["kind: load", f"url: {_quoted(address)}", f"table: {_quoted(table)}", ""]
    if secret is not None:
        lines.insert(0, f"# The password is read from the environment variable {secret}.")
    return _Source(name, "\n".join(lines), secret)


def _declare(file: Path, secret: str) -> None:
    """Add a secret to galley.yaml, keeping everything that stands there."""
    text = file.read_text("utf-8")
    line = f"  {secret}: env:{secret}"
    if re.search(rf"\b{secret}\s*:", text):
        return
    if _SECRETS.search(text):
        text = _SECRETS.sub(lambda match: f"{match[0]}\n{line}", text, count=1)
    elif _ANY_SECRETS.search(text):
        raise UsageError(
            "galley.yaml keeps its secrets on one line, which is not edited by a program",
            hint=f"add `{secret}: env:{secret}` to it, and use ${{{secret}}} as the password",
        )
    else:
        text = f"{text.rstrip()}\n\nsecrets:\n{line}\n"
    file.write_text(text, "utf-8")
