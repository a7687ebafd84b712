"""The command ``galley``: parse, run one command, and give every error one face."""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from galley.cli.lazy import LazyGroup, new_app
from galley.errors import GalleyError, InterruptedRunError, UsageError
from galley.version import VERSION

app = new_app(cls=LazyGroup, completion=True)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"galley {VERSION}")
        raise typer.Exit


def _contexts(incomplete: str) -> list[str]:
    from galley.cli.complete import contexts

    return contexts(incomplete)


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    context: Annotated[
        str | None,
        typer.Option(
            "--context",
            metavar="NAME",
            autocompletion=_contexts,
            help="Work with a server, or `local`. Default: GALLEY_CONTEXT, or the one in use.",
        ),
    ] = None,
) -> None:
    """Every pipeline run is a tested transaction on versioned data."""


def main() -> None:
    """Entry of the console script."""
    # Importing makes many objects that stay: looking them over again and again costs 80 ms.
    gc.set_threshold(200_000, 20, 20)
    status = execute(sys.argv[1:])
    # At the end Python would look all of them over twice more, for another 80 ms. Whatever has to
    # be closed is closed by now; only DuckDB complains loudly of what nobody has looked over.
    if "_duckdb" not in sys.modules:
        gc.freeze()
    sys.exit(status)


def execute(arguments: list[str]) -> int:
    """Run one command; returns its exit status. Prints every error, raises none."""
    as_json = "--json" in arguments
    try:
        return _invoke(arguments)
    except GalleyError as error:
        return _fail(error, as_json)
    except (KeyboardInterrupt, Abort):
        return _fail(InterruptedRunError("interrupted"), as_json)
    except TyperException as error:
        return _fail(_usage(error), as_json)
    except BrokenPipeError:
        # Whoever read our output has gone; Python must not fail again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001  recorded in full by the report
        from galley.cli.failures import report_defect

        return report_defect(error, arguments, as_json)


def _invoke(arguments: list[str]) -> int:
    command = typer.main.get_command(app)
    if not arguments:
        arguments = ["--help"]
    result = command.main(args=arguments, prog_name="galley", standalone_mode=False)
    return result if isinstance(result, int) else 0


def _usage(error: TyperException) -> UsageError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "galley"
    return UsageError(error.format_message().rstrip(), hint=f"{path} --help")


def _fail(error: GalleyError, as_json: bool) -> int:
    from galley.cli.failures import show

    return show(error, as_json)
