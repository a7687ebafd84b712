"""The reference page of all commands, generated from the commands themselves.

``python -m galley.cli.reference > docs/reference/cli.md``
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from galley.cli.lazy import COMMANDS, PANELS, load

HEAD = """\
# Commands

Every command takes `--project DIR` (default: the nearest `galley.yaml` upwards) where it works on a
project, and prints the ref it used and the age of its base. Answers go to stdout, everything said
about them to stderr. With `--json` the answer is one JSON document that follows the schema of the
same name in `galley/cli/schemas/`; an error is `{"error": {…}}`.

Through a [server](../howto/contexts.md) the same commands print the same; it is named before the
command: `galley --context NAME COMMAND`.

| exit status | means |
| --- | --- |
| 0 | done |
| 1 | the run did not publish: a step or a blocking test failed |
| 2 | wrong use, or a wrong definition |
| 3 | refused by a policy |
| 4 | a conflict, or something is stale |
| 5 | something that is needed is not there |
| 130 | interrupted |

The default ref is `--in` or `--at`, then `GALLEY_REF`, then your kitchen `kitchen/<user>`. A ref to
look at is `REF`, `REF@COMMIT`, `REF@TIME` or `tag/NAME`.
"""


def reference() -> str:
    """The whole page as Markdown."""
    parts = [HEAD]
    for panel in PANELS:
        parts.append(f"## {panel}\n")
        for name, entry in COMMANDS.items():
            if entry.panel == panel:
                parts += _command(load(name), f"galley {name}")
    return "\n".join(parts)


def _command(command: Any, path: str) -> Iterator[str]:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option"]
    usage = " ".join([path, *map(_usage, arguments)])
    yield f"### {path}\n"
    yield f"    {usage}\n"
    yield f"{_flowing(command.help)}\n"
    rows = [(f"`{one.metavar}`", one.help or "") for one in arguments]
    rows += [(f"`{_flags(one)}`", _about(one)) for one in options if not one.hidden]
    if rows:
        yield "| | |\n| --- | --- |\n" + "".join(f"| {a} | {b} |\n" for a, b in rows)
    for name, child in getattr(command, "commands", {}).items():
        yield from _command(child, f"{path} {name}")


def _usage(argument: Any) -> str:
    return str(argument.metavar) if argument.required else f"[{argument.metavar}]"


def _flags(option: Any) -> str:
    names = ", ".join(option.opts)
    if option.is_flag:
        return names
    return f"{names} {option.metavar or option.name.upper()}"


def _about(option: Any) -> str:
    said = option.help or ""
    choices = option.type_descriptor.choices
    if choices:
        listed = ", ".join(str(getattr(one, "value", one)) for one in choices)
        said = f"{said} One of: {listed}."
    default = option.default
    if default not in (None, False) and not option.is_flag:
        said = f"{said} Default: `{getattr(default, 'value', default)}`."
    return str(said).replace("|", "\\|")


def _flowing(text: str | None) -> str:
    """Paragraphs without the line breaks of the source."""
    paragraphs = (text or "").split("\n\n")
    return "\n\n".join(" ".join(part.split()) for part in paragraphs)


if __name__ == "__main__":
    sys.stdout.write(reference())
