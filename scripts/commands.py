"""Every command with its options as a page: `python -m scripts.commands > docs/commands.md`; a test says when it is old."""

from collections.abc import Iterator

import click

from cardnet.cli import main

_HEAD = """# Commands
Everything an officer does on a page has its command, through the same services, for scripts and for who prefers a terminal.
`--as` names the account that acts, `--json` prints one JSON document and nothing else; the exit code is 0 when the request was carried out,
1 when it was refused (one sentence, or `{"error": {"code", "message"}}`), 2 for wrong usage. A union is named by its code, a person by card number or
by the number of the file (`members find`), a hand-out by number or title, a row by batch and row. Names, documents and phone numbers are read from
standard input, never from the command line, where every user of the machine could see them. `COMMAND --help` says what each option means.

This page is made by `python -m scripts.commands > docs/commands.md`.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_lines()]) + "\n"


def _lines() -> Iterator[str]:
    alone = [one for _, one in sorted(main.commands.items()) if not isinstance(one, click.Group)]
    yield from _table("cardnet", "", alone)
    for name, group in sorted(main.commands.items()):
        if isinstance(group, click.Group):
            yield from _table(name, f"cardnet {name} ", [one for _, one in sorted(group.commands.items())], group)


def _table(title: str, before: str, commands: list[click.Command], group: click.Command | None = None) -> Iterator[str]:
    yield f"## {title}"
    if group is not None:
        yield f"{group.help or ''}\n"
    yield "| command | what it does |\n|---|---|"
    for one in commands:
        yield f"| `{before or 'cardnet '}{one.name}{_usage(one)}` | {' '.join((one.help or '').split())} |"
    yield ""


def _usage(command: click.Command) -> str:
    parts = []
    for one in command.params:
        if isinstance(one, click.Argument):
            many = "…" if one.nargs == -1 else ""
            parts.append((one.name or "").upper() + many)
        elif isinstance(one, click.Option):
            named = one.opts[0] if one.is_flag else f"{one.opts[0]} {_value(one)}"
            parts.append(named if one.required else f"[{named}]")
    return "".join(f" {part}" for part in parts)


def _value(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return "/".join(str(one) for one in option.type.choices)
    return option.opts[0].lstrip("-").upper()


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - this is what it is for
