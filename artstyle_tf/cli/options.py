"""The options of the command line, the same for every verb."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import artstyle_tf
from artstyle_tf.cli.verbs import VERBS, Verb
from artstyle_tf.system.redaction import redacted
from artstyle_tf.system.standard_streams import deliver
from artstyle_tf.system.visible_text import shown


class _Parser(argparse.ArgumentParser):
    """Deliver help and version like results, so that a failed write is reported.

    Rejected arguments are redacted: one may be an address with a password.
    """

    def error(self, message: str) -> NoReturn:
        super().error(shown(redacted(message)))

    def _print_message(self, message: str, file: Any = None) -> None:
        if message and file is sys.stdout:
            deliver(message)
        else:
            super()._print_message(message, file)


def parse_command_line(arguments: list[str], verb: str | None) -> argparse.Namespace:
    """Parse options and overrides; --help and --version print and exit.

    Args:
        arguments: those after the name of the program.
        verb: fixed by a script; the first argument if None.

    Raises:
        SystemExit: after --help or --version, or at an unknown option.
        UndeliveredError: if the help could not be written to stdout.
    """
    if verb is None:
        verb, arguments = _choose_verb(arguments[:1]), arguments[1:]
        program = f"artstyle {verb}"
    else:
        program = None  # argparse takes the name of the script
    parser = parser_of(VERBS[verb], program)
    # Intermixed: options may come before, between and after the overrides.
    parsed = parser.parse_intermixed_args(arguments)
    parsed.verb = verb
    return parsed


def parser_of(verb: Verb, program: str | None = None) -> argparse.ArgumentParser:
    """Build the parser of a verb; the documentation is generated from it, too.

    Args:
        verb: one of `VERBS`.
        program: name in the usage line; None for that of the script.
    """
    parser = _Parser(program, description=verb.summary, epilog=_EPILOG)
    _add_options(parser, verb)
    return parser


def _choose_verb(arguments: list[str]) -> str:
    """Return the first word after `artstyle`; handle --help and --version."""
    verbs = "\n".join(f"  {verb.name:16} {verb.summary}" for verb in VERBS.values())
    parser = _Parser(
        prog="artstyle",
        description=artstyle_tf.__doc__,
        epilog=f"verbs:\n{verbs}\n\nartstyle VERB --help shows the options of a verb.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=artstyle_tf.__version__)
    parser.add_argument("verb", metavar="VERB", choices=VERBS, help="see below")
    return parser.parse_args(arguments).verb


_EPILOG = (
    "Exit codes: 0 success; 1 a bug, or a finding named by --fail-on; 2 invalid input, or the "
    "result could not be written to stdout; 130 interrupted by Ctrl-C, SIGTERM or SIGHUP; 141 "
    "success, but the reader of stdout (such as head) closed it. Results go to stdout, everything "
    "else to stderr."
)


def _keys(verb: Verb) -> set[str]:
    """Return the top-level keys of the config."""
    schemas = verb.schema.values() if isinstance(verb.schema, Mapping) else [verb.schema]
    return {key for schema in schemas for key in schema.model_fields}


def _add_options(parser: argparse.ArgumentParser, verb: Verb) -> None:
    add = parser.add_argument
    names, explained = "key=value", "override of a config key, e.g. model.image_size_px=320"
    if verb.positional is not None:
        names = f"{verb.positional.name}|{names}"
        explained = f"{verb.positional.help}; {explained}"
    add("overrides", nargs="*", metavar=names, help=explained)
    add("--config", type=Path, metavar="FILE", help=f"default: configs/{verb.config_file}")
    for option in verb.options:
        metavar = option.name.removeprefix("--").upper()
        nargs = "+" if option.takes_several else None
        add(option.name, metavar=metavar, help=option.help, type=option.type, nargs=nargs)
    if verb.demo_config_file is not None:
        text = f"use the built-in demo images (configs/{verb.demo_config_file})"
        add("--demo", action="store_true", help=text)
    if "run_name" in _keys(verb):
        text = "folder name of the results; default: kind, date and time"
        add("--run-name", metavar="NAME", help=text)
    add("--outputs", metavar="DIR", help="folder for all results; default: outputs")
    if verb.writes_a_run and verb.resumes:
        add("--resume", action="store_true", help="continue the interrupted run of this name")
    if verb.writes_a_run:
        add("--overwrite", action="store_true", help="replace an earlier run of this name")
    if verb.reads_image_folders:
        text = "read all images again, also those known from an earlier command"
        add("--rescan", action="store_true", help=text)
    add("--print-config", action="store_true", help="print the resolved config and stop")
    add(
        "--dry-run", action="store_true", help="check the input, print what would be done, and stop"
    )
    add("--json", action="store_true", help="print one JSON object on stdout")
    add("--quiet", action="store_true", help="print warnings only, no progress")
