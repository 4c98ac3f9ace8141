"""MkDocs hook: the reference of the command line, made from the parsers of its verbs."""

from __future__ import annotations

import argparse
import re
from typing import Any

from mkdocs.structure.files import File

from artstyle_tf.cli.options import parser_of
from artstyle_tf.cli.verbs import VERBS, Verb

_PAGE = "reference/command-line.md"

_INTRODUCTION = """# Command line

This page is generated from the parsers of the program. Each verb is `artstyle VERB`; in a checkout
`python scripts/VERB.py`, with underscores, does the same.

Options and `key=value` overrides may stand in any order. A value is read as YAML:
`model.image_size_px=224`, `data.views=null`, `"training.phases=[{unfreeze_blocks: 4, epochs: 6,
learning_rate: 5e-4}]"`. The keys of each verb are listed in its [settings](settings/index.md).

"""


def on_files(files: Any, config: Any) -> Any:
    """Adds the page."""
    sections = [_section(verb) for verb in VERBS.values()]
    page = _INTRODUCTION + _overview() + "\n" + "\n".join(sections) + _exit_codes()
    files.append(File.generated(config, _PAGE, content=page))
    return files


def _overview() -> str:
    rows = [f"| [`{verb.name}`](#{verb.name}) | {verb.summary} |" for verb in VERBS.values()]
    return "\n".join(["| verb | what it does |", "|---|---|", *rows, ""])


def _section(verb: Verb) -> str:
    parser = parser_of(verb, f"artstyle {verb.name}")
    usage = " ".join(parser.format_usage().removeprefix("usage:").split())
    rows = [_row(action) for action in parser._actions]
    settings = verb.config_file.removesuffix(".yaml")
    return "\n".join(
        [
            f"## {verb.name}",
            "",
            verb.summary,
            "",
            "```text",
            *_wrapped(usage),
            "```",
            "",
            "| option | meaning |",
            "|---|---|",
            *rows,
            "",
            f"Settings: [{verb.config_file}](settings/{settings}.md).",
            "",
        ]
    )


def _row(action: argparse.Action) -> str:
    name = ", ".join(action.option_strings) or str(action.metavar)
    if action.option_strings and action.metavar is not None:
        several = " ..." if action.nargs == "+" else ""
        name += f" {action.metavar}{several}"
    text = (action.help or "").replace("|", r"\|")
    return f"| `{name.replace('|', chr(92) + '|')}` | {_with_code(text)} |"


def _with_code(text: str) -> str:
    """Examples as code, so that their asterisks, underscores and brackets stay."""
    words = [f"`{word}`" if re.search(r"[=<>*^_]", word) else word for word in text.split()]
    return re.sub(r"`(\S+?)([.,;:]+)`", r"`\1`\2", " ".join(words))


def _wrapped(usage: str, width: int = 92) -> list[str]:
    """Breaks a usage line between options."""
    program, *parts = usage.replace(" [", "\n[").split("\n")
    lines = [program]
    for part in parts:
        if len(lines[-1]) + 1 + len(part) > width:
            lines.append("   ")
        lines[-1] += f" {part}"
    return lines


def _exit_codes() -> str:
    epilog = parser_of(next(iter(VERBS.values()))).epilog or ""
    return f"\n## Exit codes and streams\n\n{epilog}\n"
