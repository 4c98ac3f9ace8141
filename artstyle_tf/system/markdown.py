"""Escaping of data in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from artstyle_tf.system.visible_text import shown

# Characters with a meaning within a line: code, emphasis, links, images, HTML, tables,
# strikethrough, formulas. Source: CommonMark 0.31.2, 2.4 and 6; GitHub Flavored Markdown, 4.10 and
# 6.5. An underscore between letters has none.
_SPECIAL = re.compile(r"[\\`*\[\]{}|~$!#]|(?<![^\W_])_|_(?![^\W_])")
# Characters that start a list, a heading or a rule.
_AT_START = re.compile(r"^([0-9]*)([-+=.)])")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# GitHub makes links of bare addresses; a character reference ends that.
_ADDRESS = re.compile(r":(?=//)|(?<=www)\.|(?<=mailto):|(?<=xmpp):|@", re.IGNORECASE)


def markdown_text(text: str) -> str:
    """Escape text for a line or a table cell.

    Args:
        text: any text; whitespace is collapsed, control characters are escaped.
    """
    text = shown(" ".join(text.split()))
    text = _SPECIAL.sub(r"\\\g<0>", text)
    text = _AT_START.sub(r"\1\\\2", text)
    text = re.sub("[&<>]", lambda found: _HTML[found[0]], text)
    return _ADDRESS.sub(lambda found: f"&#{ord(found[0])};", text)


def markdown_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a GitHub-flavored table, without a final newline.

    Args:
        heading: C texts.
        rows: C texts each.
    """
    lines = [[markdown_text(cell) for cell in heading], ["---"] * len(heading)]
    lines += [[markdown_text(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
