"""``galley context`` and its verbs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from galley.cli import complete, contexts, options, screen
from galley.cli.commands.login import flag
from galley.cli.contexts import LOCAL, Context, Contexts
from galley.cli.lazy import new_app
from galley.errors import RefusedError, UsageError

app = new_app(invoke_without_command=True)

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
Name = Annotated[
    str,
    typer.Argument(metavar="NAME", autocompletion=complete.contexts, help="The context's name."),
]


@app.callback()
def context(context: typer.Context, as_json: options.Json = False) -> None:
    """List the servers that commands work with; the one in use is marked."""
    if context.invoked_subcommand is None:
        _list(as_json)


@app.command("list")
def list_(as_json: options.Json = False) -> None:
    """List the servers that commands work with; the one in use is marked."""
    _list(as_json)


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it here.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="Where its API answers.")],
    certificates: Annotated[
        Path | None,
        typer.Option("--ca", metavar="FILE", help="Whose certificates to trust instead of all."),
    ] = None,
    plain: Annotated[
        bool,
        typer.Option("--allow-http", help="Let tokens travel over plain HTTP to other machines."),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Name a server. `galley login NAME` says who you are, `galley context use NAME` uses it."""
    if name in ("-", LOCAL) or not name.strip() or name.startswith("-"):
        raise UsageError(f"{name!r} is no name for a server", hint=f"{LOCAL} means working here")
    trust = str(certificates.absolute()) if certificates else None
    made = Context(name, checked_url(url, plain=plain), certificates=trust)

    def added(found: Contexts) -> Contexts:
        before = found.known.get(name)
        # What is shown to one server is never shown to another.
        if before and before.url == made.url:
            return found.with_(replace(before, certificates=trust))
        return found.with_(made)

    found = contexts.change(added)
    if as_json:
        screen.print_json(_facts(found, found.known[name]))
        return
    screen.out().print(f"✓ {name} is {made.url}", style="green", markup=False, soft_wrap=True)
    then = f"  next: galley login {name} · galley context use {name}"
    screen.out().print(then, style="cyan", markup=False)


@app.command()
def use(name: Name, as_json: options.Json = False) -> None:
    """Let commands work with this server from now on; `local` or `-` with the home at hand."""
    wanted = None if name in ("-", LOCAL) else name

    def used(found: Contexts) -> Contexts:
        return replace(found, current=found.named(wanted).name if wanted else None)

    found = contexts.change(used)
    if as_json:
        screen.print_json({"current": found.current})
        return
    said = f"with {wanted}, {found.known[wanted].url}" if wanted else "on the home at hand"
    screen.out().print(f"✓ commands work {said}", style="green", markup=False, soft_wrap=True)


@app.command()
def show(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            autocompletion=complete.contexts,
            help="A context. Default: the one in use.",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Ask a server who it is, and as whom it knows you."""
    chosen = contexts.chosen(name or flag())
    if chosen is None:
        if as_json:
            screen.print_json({"context": None, "url": None, "user": None, "role": None})
        else:
            screen.out().print("commands work on the home at hand")
        return
    from galley.cli.remote.loading import check_http

    check_http()
    from galley.cli.remote import entering

    me = entering.who(chosen)
    if as_json:
        facts = {"context": chosen.name, "url": chosen.url}
        screen.print_json({**facts, "user": me["name"], "role": me["role"]})
        return
    text = f"{chosen.name} is {chosen.url}; you are {me['name']} there, {me['role']}"
    screen.out().print(text, markup=False, soft_wrap=True)


@app.command()
def remove(name: Name, as_json: options.Json = False) -> None:
    """Forget a server. A token that it gave ends when it expires: `galley logout` ends it now."""

    def removed(found: Contexts) -> Contexts:
        return found.without(found.named(name).name)

    contexts.change(removed)
    if as_json:
        screen.print_json({"context": name, "removed": True})
        return
    screen.out().print(f"✓ {name} is forgotten", style="green", markup=False)


def checked_url(text: str, *, plain: bool = False) -> str:
    """A server's address, without what stands behind it.

    Raises:
        UsageError: it is none, or has a password in it.
        RefusedError: a token would travel over the network for everybody to read.
    """
    found = urlsplit(text.strip())
    if found.scheme not in ("http", "https") or not found.hostname or not _port_is_one(found):
        raise UsageError(f"{text} is no address of a server", hint="https://galley.example.com")
    if found.username or found.password:
        raise UsageError("an address holds no name or password", hint="galley login")
    if found.scheme == "http" and found.hostname not in LOOPBACK and not plain:
        raise RefusedError(
            f"over plain HTTP everybody between here and {found.hostname} can read your token",
            hint=f"https://{found.netloc}, or --allow-http in a network that you trust",
        )
    path = found.path.rstrip("/").removesuffix("/api/v1")
    return f"{found.scheme}://{found.netloc}{path}"


def _port_is_one(found: Any) -> bool:
    try:
        return found.port is None or found.port > 0
    except ValueError:
        return False


def _list(as_json: bool) -> None:
    found = contexts.read()
    facts = [_facts(found, one) for one in found.known.values()]
    if as_json:
        screen.print_json({"current": found.current, "contexts": facts})
        return
    if not facts:
        screen.out().print("no servers yet: galley context add NAME URL")
        return
    rows = [
        (
            f"{'▸' if one['current'] else ' '} {one['context']}",
            str(one["url"]),
            "logged in" if one["logged_in"] else "",
        )
        for one in facts
    ]
    screen.table(("context", "url", ""), rows)


def _facts(found: Contexts, one: Context) -> dict[str, object]:
    """A context as it may be shown: never its token."""
    return {
        "context": one.name,
        "url": one.url,
        "current": one.name == found.current,
        "logged_in": one.token is not None,
    }
