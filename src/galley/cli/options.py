"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galley.cli import complete

Project = Annotated[
    Path | None,
    typer.Option(
        "--project",
        metavar="DIR",
        help="The project's folder. Default: the nearest galley.yaml upwards.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Answer as JSON on stdout.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
In = Annotated[
    str | None,
    typer.Option(
        "--in",
        metavar="REF",
        autocompletion=complete.refs,
        help="The ref to read and publish to. Default: GALLEY_REF, or your kitchen.",
    ),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="REF",
        autocompletion=complete.refs,
        help="What to look at: REF, REF@COMMIT, REF@TIME or tag/NAME. Default: your kitchen.",
    ),
]
Var = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME=VALUE", help="Set a variable; may be repeated."),
]
Priority = Annotated[
    int,
    typer.Option(
        "--priority", min=-1000, max=1000, help="Of steps that wait the highest comes first."
    ),
]
Select = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        metavar="STEP",
        autocompletion=complete.steps,
        help="Only this step; may be repeated.",
    ),
]
Window = Annotated[
    str | None,
    typer.Option("--window", metavar="A..B", help="The windows to make; B is exclusive."),
]
Rebuild = Annotated[
    list[str] | None,
    typer.Option(
        "--rebuild",
        metavar="STEP",
        autocompletion=complete.steps,
        help="Compute this step though nothing changed; may be repeated.",
    ),
]
Pipeline = Annotated[
    str | None,
    typer.Argument(
        metavar="PIPELINE",
        autocompletion=complete.pipelines,
        help="The pipeline. Not needed where there is only one.",
        show_default=False,
    ),
]
Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        autocompletion=complete.runs,
        help="A run, by the beginning of its id, or `last`.",
    ),
]
LogFormat = Annotated[
    str | None,
    typer.Option(
        "--log-format",
        metavar="text|json",
        envvar="GALLEY_LOG_FORMAT",
        show_envvar=False,
        help="What is said on stderr: lines, or JSON objects. Default: GALLEY_LOG_FORMAT, or text.",
    ),
]
ContextName = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME",
        autocompletion=complete.contexts,
        help="A context. Default: the one in use.",
        show_default=False,
    ),
]
