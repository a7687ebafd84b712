"""From what was typed to what is wished for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches

from galley.cli.session import Session
from galley.environments.inspect_projects import only_pipeline
from galley.environments.launch import Wish
from galley.errors import NotFoundError, UsageError
from galley.project.model import Manifest


def wish_for(
    session: Session,
    manifest: Manifest,
    pipeline: str | None,
    ref: str | None,
    select: Sequence[str] | None = None,
    window: str | None = None,
    var: Sequence[str] | None = None,
    rebuild: Sequence[str] | None = None,
    priority: int = 0,
) -> Wish:
    """What to run. Raises UsageError, NotFoundError."""
    return Wish(
        pipelines=(chosen_pipeline(manifest, pipeline),),
        ref=session.ref_name(ref),
        select=tuple(select or ()),
        window=window,
        variables=parse_variables(var or ()),
        rebuild=tuple(rebuild or ()),
        priority=priority,
    )


def chosen_pipeline(manifest: Manifest, name: str | None) -> str:
    """The pipeline that was named, or the only one. Raises UsageError, NotFoundError."""
    if name is None:
        return only_pipeline(manifest)
    return known_name(name, list(manifest.pipelines), "pipeline")


def known_name(name: str, known: Collection[str], what: str) -> str:
    """The name, if it is known. Raises NotFoundError with the nearest."""
    if name in known:
        return name
    close = get_close_matches(name, list(known), n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(sorted(known))}"
    raise NotFoundError(f"the project has no {what} {name}", hint=hint if known else None)


def parse_variables(texts: Sequence[str], flag: str = "--var") -> dict[str, str]:
    """``NAME=VALUE`` texts of a flag as a mapping. Raises UsageError."""
    found: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name.strip():
            raise UsageError(
                f"{text!r} sets no {'variable' if flag == '--var' else 'parameter'}",
                hint=f"{flag} NAME=VALUE",
            )
        found[name.strip()] = value
    return found
