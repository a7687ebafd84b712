"""``galley login``."""

from __future__ import annotations

import getpass
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer._click.globals import get_current_context

from galley.cli import complete, contexts, options, screen
from galley.cli.contexts import Context, Contexts
from galley.cli.lazy import app_of
from galley.errors import StorageError, UsageError

if TYPE_CHECKING:
    pass

DAYS = 30
"""How long a log-in lasts where nothing else is said."""


def login(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            autocompletion=complete.contexts,
            help="A context. Default: the one in use.",
            show_default=False,
        ),
    ] = None,
    user: Annotated[str | None, typer.Option("--user", help="Your name there.")] = None,
    token_file: Annotated[
        str | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="Show the token in this file instead of a password; `-` reads stdin.",
        ),
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How long it lasts.")] = DAYS,
    role: Annotated[
        str | None, typer.Option("--role", help="The most that commands may. Default: your role.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show a server who you are, with your password there or a token.

    With a password the server makes a token for this machine that expires. It is kept in the file
    of contexts, which only you can read; the password is kept nowhere.
    """
    context = chosen_context(name)
    from galley.cli.remote.loading import check_http

    check_http()
    from galley.cli.remote import entering

    if token_file is not None:
        made = replace(context, token=_token(token_file), token_id=None)
    elif entering.asks_nobody(context):
        made = replace(context, token=None, token_id=None)
        screen.note(f"{context.url} asks nobody who they are: no log-in is needed")
    else:
        who = user or _asked(context)
        made = entering.enter(context, who, _password(who), role=role, days=days, on=_machine())
    me = entering.who(made)
    contexts.change(lambda found: _kept(found, made))
    if as_json:
        facts = {"context": context.name, "url": context.url}
        screen.print_json({**facts, "user": me["name"], "role": me["role"]})
        return
    text = f"✓ you are {me['name']} at {context.url}, {me['role']}"
    screen.out().print(text, style="green", markup=False, soft_wrap=True)


def chosen_context(name: str | None) -> Context:
    """The context that is meant. Raises UsageError, NotFoundError."""
    found = contexts.chosen(name or flag())
    if found is None:
        raise UsageError(
            "commands work on the home at hand, which asks for no log-in",
            hint="galley context add NAME URL, then: galley login NAME",
        )
    return found


def flag() -> str | None:
    """What ``--context`` says, before the command."""
    named: str | None = get_current_context().find_root().params.get("context")
    return named


def _kept(found: Contexts, made: Context) -> Contexts:
    return found.with_(made)


def _token(file: str) -> str:
    try:
        text = (sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"the token in {file} cannot be read: {error}") from error
    if not text or not text.isascii() or any(letter.isspace() for letter in text):
        place = "stdin" if file == "-" else file
        raise UsageError(f"{place} holds no token", hint="one line: galley tokens new makes one")
    return text


def _asked(context: Context) -> str:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("there is no terminal to ask on", hint="--token-file FILE, or --user NAME")
    sys.stderr.write(f"Name at {context.url}: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _password(user: str) -> str:
    """Asked for on a terminal; else the first line of stdin, so that it is no argument."""
    if sys.stdin.isatty():
        return getpass.getpass(f"Password of {user}: ")
    return sys.stdin.readline().rstrip("\n")


def _machine() -> str:
    return f"galley login on {socket.gethostname()}"[:128]


app = app_of(login)
