"""The command line: parse, run a verb, print its result, return an exit code."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import artstyle_tf
from artstyle_tf.api.jobs import do_job, publish_run, stderr_descriptor
from artstyle_tf.cli.options import parse_command_line
from artstyle_tf.cli.verbs import VERBS, Verb
from artstyle_tf.config.loading import dump_yaml, load_config
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import json_text
from artstyle_tf.system.interruption import (
    EXIT_INTERRUPTED,
    ended_at_once,
)
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.os_errors import explained
from artstyle_tf.system.progress import Reporter
from artstyle_tf.system.redaction import redacted
from artstyle_tf.system.standard_streams import (
    UndeliveredError,
    deliver,
    encoding_of_stdout,
    prepare_standard_streams,
)
from artstyle_tf.system.visible_text import shown_values

EXIT_SUCCESS = 0
EXIT_BUG = 1
EXIT_FINDING = 1
EXIT_INVALID_INPUT = 2
EXIT_READER_CLOSED = 141
"""128 + SIGPIPE: the exit code of a program whose reader, such as `head`, closed the pipe."""


def main(arguments: Sequence[str] | None = None, *, verb: str | None = None) -> int:
    """Run one verb.

    Args:
        arguments: of the command line; `sys.argv[1:]` if None.
        verb: fixed by a script; the first argument if None.

    Returns:
        Exit code: 0 success, 2 invalid input, 130 interrupted, 141 success but the reader of
        stdout closed it, 1 a bug or a finding named by --fail-on.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    prepare_standard_streams()
    try:
        parsed = parse_command_line(arguments, verb)
        return _run_parsed(parsed)
    except UndeliveredError as error:
        if error.reader_closed:
            return EXIT_READER_CLOSED
        print(f"Error: {_undelivered(error)}", file=sys.stderr)
        return EXIT_INVALID_INPUT


def _run_parsed(parsed: argparse.Namespace) -> int:
    reporter = Reporter(quiet=parsed.quiet)
    invocation = Invocation(
        reporter=reporter,
        resume=getattr(parsed, "resume", False),
        overwrite=getattr(parsed, "overwrite", False),
        rescan=getattr(parsed, "rescan", False),
        publish=publish_run,
    )
    try:
        return _run_verb(VERBS[parsed.verb], parsed, invocation)
    except UndeliveredError:
        raise
    except ArtstyleError as error:
        return _report_error(error, parsed)
    except KeyboardInterrupt:
        print(_interrupted(VERBS[parsed.verb]), file=sys.stderr)
        return EXIT_INTERRUPTED
    except Exception as error:
        if (explanation := explained(error)) is not None:
            return _report_error(explanation, parsed)
        print(redacted(traceback.format_exc()), file=sys.stderr, end="")
        print("This is a bug in artstyle_tf. Please report the lines above.", file=sys.stderr)
        return EXIT_BUG


def _report_error(error: ArtstyleError, parsed: argparse.Namespace) -> int:
    print(f"Error: {error}", file=sys.stderr)
    if parsed.json:
        with contextlib.suppress(UndeliveredError):  # the error itself matters more
            deliver(json_text({"error": str(error)}, "stdout", encoding=encoding_of_stdout()))
    return EXIT_INVALID_INPUT


def _undelivered(error: UndeliveredError) -> ArtstyleError:
    return ArtstyleError(
        "The result could not be written to stdout",
        received=error.cause.strerror or str(error.cause),
        fix="free space where stdout goes; files that the command writes are complete",
    )


def _run_verb(verb: Verb, parsed: argparse.Namespace, invocation: Invocation) -> int:
    with ended_at_once(_report_nothing_started):
        config = load_config(verb.schema, _config_file(verb, parsed), _overrides(verb, parsed))
    if parsed.print_config:
        deliver(dump_yaml(config))
        return EXIT_SUCCESS
    # What a library prints must not be mixed with the result.
    printed = io.StringIO()
    with contextlib.redirect_stdout(sys.stderr if not parsed.quiet else printed):
        result, summarize = do_job(
            verb.name,
            config,
            invocation,
            dry_run=parsed.dry_run,
            while_importing=lambda: ended_at_once(_report_nothing_started),
        )
    if parsed.json:
        deliver(json_text(result, "the result", encoding=encoding_of_stdout()))
    else:
        # Control characters in names are escaped: a newline would look like one of the program's.
        deliver(summarize(shown_values(result)))
    return EXIT_FINDING if result.get("failed_on") else EXIT_SUCCESS


def _report_nothing_started() -> None:
    """Write to stderr from a signal handler, also while stderr is redirected."""
    with contextlib.suppress(OSError):
        os.write(stderr_descriptor(), b"Interrupted before anything was started.\n")


def _config_file(verb: Verb, parsed: argparse.Namespace) -> Path:
    if parsed.config is not None:
        return parsed.config
    name = verb.config_file
    if getattr(parsed, "demo", False) and verb.demo_config_file is not None:
        name = verb.demo_config_file
    return _configs_folder() / name


def _configs_folder() -> Path:
    """Return configs/ of the checkout, or of the installed package."""
    package = Path(artstyle_tf.__file__).parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def _overrides(verb: Verb, parsed: argparse.Namespace) -> list[str]:
    options = [("--run-name", "run_name"), ("--outputs", "outputs")]
    options += [(option.name, option.key) for option in verb.options]
    overrides, positionals = list(parsed.overrides), []
    if verb.positional is not None:
        # A file name may contain "=", but then the file exists.
        positionals = [item for item in overrides if not _is_override(item) or Path(item).exists()]
        overrides = [item for item in overrides if item not in positionals]
    if verb.positional is not None and positionals:
        overrides.append(f"{verb.positional.key}={json.dumps(positionals)}")
    for option, key in options:
        value = getattr(parsed, option.removeprefix("--").replace("-", "_"), None)
        if isinstance(value, list):
            # An option that takes several values takes the overrides after them, too.
            overrides += [item for item in value if "=" in item and not Path(item).exists()]
            value = [item for item in value if "=" not in item or Path(item).exists()]
        if value is not None:
            # As JSON, which is YAML: a run named 2024 stays a string.
            overrides.append(f"{key}={json.dumps(value)}")
    return overrides


def _is_override(argument: str) -> bool:
    return re.match(r"[a-z_][a-z0-9_.]*=", argument) is not None


def _interrupted(verb: Verb) -> str:
    how = "the same command continues"
    if verb.writes_a_run and verb.resumes:
        how = "the same command with --run-name NAME --resume continues"
    elif verb.writes_a_run:
        how = "the same command starts over, with --overwrite if the run has a name"
    return f"Interrupted. Nothing is half-written; {how}."
