"""The list of commands, and a group that imports a command's module only when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import typer
from typer._click.shell_completion import CompletionItem
from typer.core import TyperGroup

DAILY = "Daily work"
LOOK = "Look"
ENVIRONMENTS = "Environments"
UPKEEP = "Upkeep"
PANELS = (DAILY, LOOK, ENVIRONMENTS, UPKEEP)
_HELP = "galley.help"


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: the module of ``galley.cli`` that holds its ``app``, and its line in the help."""

    module: str
    panel: str
    help: str


COMMANDS: dict[str, Entry] = {
    "demo": Entry("demo", DAILY, "A guided tour on real flight data"),
    "init": Entry("init", DAILY, "Start a project that runs"),
    "add": Entry("add", DAILY, "Write a load step for a file, a folder or a table"),
    "check": Entry("check", DAILY, "Check the definitions, with file and line"),
    "preview": Entry("preview", DAILY, "Show a step's result on a sample; nothing is written"),
    "plan": Entry("plan", DAILY, "Show what would run, what is reused, and why"),
    "run": Entry("run", DAILY, "Run a pipeline: staged, tested, published together"),
    "show": Entry("show", DAILY, "Show everything about a run"),
    "resume": Entry("resume", DAILY, "Go on with a run that stopped"),
    "sql": Entry("sql", DAILY, "Ask the tables a question"),
    "promote": Entry("promote", DAILY, "Bring code and data to an environment"),
    "rollback": Entry("rollback", DAILY, "Take a publish back, data and code together"),
    "runs": Entry("runs", LOOK, "List runs; publish one over a test"),
    "logs": Entry("logs", LOOK, "What the steps of a run printed"),
    "tables": Entry("tables", LOOK, "List tables; a table's history and metrics"),
    "history": Entry("history", LOOK, "The commits of a ref"),
    "pools": Entry("pools", LOOK, "Pools and workers: what is full, and who is there"),
    "diff": Entry("diff", LOOK, "What differs between two states of the data"),
    "triggers": Entry("triggers", LOOK, "What fires when; fire, pause and resume triggers"),
    "alerts": Entry("alerts", LOOK, "What is late, missing or failed, and who was told"),
    "audit": Entry("audit", LOOK, "Who did what, and by which rule"),
    "kitchen": Entry("kitchen", ENVIRONMENTS, "Open, list and close kitchens"),
    "deploy": Entry("deploy", ENVIRONMENTS, "Give a kitchen this version of the project"),
    "versions": Entry("versions", ENVIRONMENTS, "List versions of the project; look into one"),
    "tag": Entry("tag", ENVIRONMENTS, "Give a state of the data a lasting name"),
    "backfill": Entry("backfill", ENVIRONMENTS, "Make many windows, in batches"),
    "release": Entry("release", ENVIRONMENTS, "Let a pipeline publish again after a rollback"),
    "cancel": Entry("cancel", UPKEEP, "Stop a run; nothing of it is published"),
    "pause": Entry("pause", UPKEEP, "Let a run start no further steps"),
    "up": Entry("up", DAILY, "Serve this project: engine, API and web interface"),
    "server": Entry("server", UPKEEP, "Work on runs with workers that call over HTTP"),
    "worker": Entry("worker", UPKEEP, "Run steps for a server, here or on another machine"),
    "users": Entry("users", UPKEEP, "Who may log in to this home's servers"),
    "teams": Entry("teams", UPKEEP, "Teams and who is in them"),
    "tokens": Entry("tokens", UPKEEP, "What machines show instead of a password"),
    "context": Entry("context", UPKEEP, "The servers that commands work with"),
    "login": Entry("login", UPKEEP, "Show a server who you are"),
    "logout": Entry("logout", UPKEEP, "Forget what is shown to a server"),
    "gc": Entry("gc", UPKEEP, "Remove what has expired; report what is unreferenced"),
    "backup": Entry("backup", UPKEEP, "Write the home, as of one moment, to a folder or file"),
    "restore": Entry("restore", UPKEEP, "Make a home from a backup"),
    "doctor": Entry("doctor", UPKEEP, "Check the installation and the home"),
}

HERE = frozenset({"demo", "init", "add", "check", "context", "login", "logout"})
"""Commands that work on this machine though a context is in effect: they need no home."""


class LazyGroup(TyperGroup):
    """Knows its commands by name; each is imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All commands, by panel."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name; while a context is in effect, the one that asks the server.

        Raises:
            UsageError: the context's server has no such command.
        """
        if cmd_name not in COMMANDS:
            return None
        if ctx.resilient_parsing or cmd_name in HERE or ctx.meta.get(_HELP):
            return load(cmd_name)
        from galley.cli.contexts import chosen

        ctx.obj = chosen(ctx.params.get("context"))
        if ctx.obj is None:
            return load(cmd_name)
        from galley.cli.remote.loading import check

        check(cmd_name, ctx.obj)
        return load(cmd_name, "remote.commands")

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As usual; a wrong name suggests the nearest."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS and not ctx.resilient_parsing:
            close = get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
            meant = f" Did you mean '{close[0]}'?" if close else " See `galley --help`."
            ctx.fail(f"There is no command '{name}'.{meant}")
        ctx.meta[_HELP] = "--help" in args[1:] or "-h" in args[1:]
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The commands in panels, from the list above, so that no command is imported."""
        formatter.write_usage("galley", "COMMAND [OPTIONS] [ARGS]")
        formatter.write_paragraph()
        formatter.write_text("Every pipeline run is a tested transaction on versioned data.")
        width = max(map(len, COMMANDS)) + 2
        for panel in PANELS:
            with formatter.section(panel):
                rows = [(name, one.help) for name, one in COMMANDS.items() if one.panel == panel]
                formatter.write_dl([(name.ljust(width), text) for name, text in rows])
        with formatter.section("Options"):
            records = [param.get_help_record(ctx) for param in self.get_params(ctx)]
            formatter.write_dl([record for record in records if record])
        formatter.write_paragraph()
        formatter.write_text("galley COMMAND --help tells more. Start with: galley demo")

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Command names with their lines from the list; options as usual."""
        found = [
            CompletionItem(name, help=entry.help)
            for name, entry in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return found or super(TyperGroup, self).shell_complete(ctx, incomplete)


def load(name: str, package: str = "commands") -> Any:
    """Import a command's module and make its command."""
    entry = COMMANDS[name]
    module: Any = importlib.import_module(f"galley.cli.{package}.{entry.module}")
    command: Any = typer.main.get_command(module.app)
    command.name = name
    if not command.help:
        command.help = entry.help
    return command


def app_of(function: Callable[..., Any]) -> typer.Typer:
    """An app with the one command that ``function`` is."""
    app = new_app()
    app.command()(function)
    return app


def new_app(*, completion: bool = False, **options: Any) -> typer.Typer:
    """A Typer app with the settings that all commands share."""
    return typer.Typer(
        rich_markup_mode=None,
        add_completion=completion,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        **options,
    )
