"""``galley logout``."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from galley.cli import complete, contexts, options, screen
from galley.cli.commands.login import chosen_context
from galley.cli.contexts import Contexts
from galley.cli.lazy import app_of


def logout(
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
    """Forget what is shown to a server, and end the token that a log-in made there."""
    context = chosen_context(name)
    ended = False
    if context.token_id is not None:
        from galley.cli.remote.loading import check_http

        check_http()
        from galley.cli.remote import entering

        ended = entering.leave(context)

    def forgotten(found: Contexts) -> Contexts:
        return found.with_(replace(found.named(context.name), token=None, token_id=None))

    contexts.change(forgotten)
    if as_json:
        screen.print_json({"context": context.name, "ended": ended})
        return
    text = f"✓ nothing is shown to {context.name} any more"
    screen.out().print(text, style="green", markup=False)
    if context.token is not None and not ended:
        screen.note("the token itself stands until it expires: galley tokens revoke TOKEN")


app = app_of(logout)
