"""Data in Markdown: names and reasons that stay text, whatever letters they hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from artstyle_tf.system.visible_text import shown

# What begins something within a line: code, emphasis, links, images, HTML, tables, strikethrough,
# formulas. Source: CommonMark 0.31.2, 2.4 and 6; GitHub Flavored Markdown, 4.10 and 6.5. An
# underscore between letters begins nothing.
_SPECIAL = re.compile(r"[\\`*\[\]{}|~$!#]|(?<![^\W_])_|_(?![^\W_])")
# What begins a list, a heading or a rule at the start of a line.
_AT_START = re.compile(r"^([0-9]*)([-+=.)])")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# GitHub makes links of bare addresses; a character reference ends that.
_ADDRESS = re.compile(r":(?=//)|(?<=www)\.|(?<=mailto):|(?<=xmpp):|@", re.IGNORECASE)


def markdown_text(text: str) -> str:
    """Text within a line or a cell of a table that is shown as it is.

    Args:
        text: of any letters; each run of blanks becomes one, control characters become visible.
    """
    text = shown(" ".join(text.split()))
    text = _SPECIAL.sub(r"\\\g<0>", text)
    text = _AT_START.sub(r"\1\\\2", text)
    text = re.sub("[&<>]", lambda found: _HTML[found[0]], text)
    return _ADDRESS.sub(lambda found: f"&#{ord(found[0])};", text)


def markdown_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that GitHub and others show, without a line's end after it.

    Args:
        heading: C texts.
        rows: C texts each.
    """
    lines = [[markdown_text(cell) for cell in heading], ["---"] * len(heading)]
    lines += [[markdown_text(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
