"""Shell commands for the user to copy."""

from __future__ import annotations

import shlex

from artstyle_tf.system.visible_text import has_controls


def shell_command(*words: object) -> str:
    r"""Quote words for a POSIX shell.

    Control characters are written as $'\x1b', which bash, zsh and ksh understand.

    Args:
        words: unquoted words of the command.
    """
    return " ".join(_quoted(str(word)) for word in words)


def _quoted(word: str) -> str:
    if not has_controls(word):
        return shlex.quote(word)
    return f"$'{''.join(_ansi_c(letter) for letter in word)}'"


def _ansi_c(letter: str) -> str:
    if letter in "\\'":
        return f"\\{letter}"
    if not has_controls(letter):
        return letter
    return "".join(f"\\x{byte:02x}" for byte in letter.encode("utf-8", "surrogateescape"))
