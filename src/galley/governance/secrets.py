"""Secrets from the environment or from files: looked up by name, never stored, never shown."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from galley.errors import UnavailableError

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def look_up(
    names: Iterable[str],
    sources: Mapping[str, str],
    *,
    folder: Path,
    environ: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """The values of the named secrets. A source is ``env:NAME`` or ``file:PATH``.

    Paths are relative to the project ``folder``; a file's trailing line break is dropped.

    Raises:
        UnavailableError: a secret has no source, or its source is not there.
    """
    return {name: _value(name, sources, folder, environ) for name in names}


def _value(name: str, sources: Mapping[str, str], folder: Path, environ: Mapping[str, str]) -> str:
    source = sources.get(name, f"env:{name}")
    scheme, _, rest = source.partition(":")
    if scheme == "file":
        path = folder / Path(rest).expanduser()
        try:
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise UnavailableError(
                f"the secret {name} could not be read from {path}: {error.strerror}",
                hint="write the value to that file, readable by you alone",
            ) from error
    value = environ.get(rest)
    if value is None:
        raise UnavailableError(
            f"the secret {name} is not set: there is no environment variable {rest}",
            hint=f"export {rest}=… or name a file under `secrets:` in galley.yaml",
        )
    return value


def placeholders(text: str) -> tuple[str, ...]:
    """The names of the ``${secret}`` place-holders in ``text``, in order."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))


def filled(text: str, sources: Mapping[str, str], folder: Path) -> tuple[str, tuple[str, ...]]:
    """``text`` with the values of its place-holders, and these values.

    Raises:
        UnavailableError: a secret is not there.
    """
    values = look_up(placeholders(text), sources, folder=folder)
    return fill(text, values), tuple(values.values())


def fill(text: str, values: Mapping[str, str]) -> str:
    """``text`` with its ``${secret}`` place-holders replaced by the values."""
    return _PLACEHOLDER.sub(lambda match: values.get(match.group(1), match.group(0)), text)
