"""The command line, the same for every verb."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import logging
import os
import pkgutil
import re
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import artstyle_tf
from artstyle_tf.cli.options import parse_command_line
from artstyle_tf.cli.verbs import VERBS, Verb
from artstyle_tf.config.loading import dump_yaml, load_config
from artstyle_tf.system.dry_run import summarise_plan
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import json_text
from artstyle_tf.system.interruption import (
    EXIT_INTERRUPTED,
    ended_at_once,
    interrupted_at_safe_points,
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
from artstyle_tf.system.temporary_folder import provide_temporary_folder
from artstyle_tf.system.visible_text import shown_values

# By name: it imports modules that would import more, if they were asked for more.
_EARLY_CHECKS = "artstyle_tf.cli.early_checks"

EXIT_DONE = 0
EXIT_BUG = 1
EXIT_FOUND = 1
EXIT_USER_MISTAKE = 2
EXIT_READER_LEFT = 141
"""128 + SIGPIPE: what a shell says of a program whose reader, such as `head`, has left."""


def main(arguments: Sequence[str] | None = None, *, verb: str | None = None) -> int:
    """Runs one verb.

    Args:
        arguments: of the command line; `sys.argv[1:]` if None.
        verb: fixed by a script; the first argument if None.

    Returns:
        Exit code: 0 done, 2 the user's mistake, 130 interrupted, 141 done but the reader of stdout
        has left, 1 our bug, or what --fail-on names was found.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    prepare_standard_streams()
    try:
        parsed = parse_command_line(arguments, verb)
        return _run_parsed(parsed)
    except UndeliveredError as error:
        if error.reader_has_left:
            return EXIT_READER_LEFT
        print(f"Error: {_undelivered(error)}", file=sys.stderr)
        return EXIT_USER_MISTAKE


def _run_parsed(parsed: argparse.Namespace) -> int:
    reporter = Reporter(quiet=parsed.quiet)
    invocation = Invocation(
        reporter=reporter,
        resume=getattr(parsed, "resume", False),
        overwrite=getattr(parsed, "overwrite", False),
        publish=_publish,
    )
    try:
        return _run_verb(VERBS[parsed.verb], parsed, invocation)
    except UndeliveredError:
        raise
    except ArtstyleError as error:
        return _tell_mistake(error, parsed)
    except KeyboardInterrupt:
        print(_interrupted(VERBS[parsed.verb]), file=sys.stderr)
        return EXIT_INTERRUPTED
    except Exception as error:
        if (explanation := explained(error)) is not None:
            return _tell_mistake(explanation, parsed)
        print(redacted(traceback.format_exc()), file=sys.stderr, end="")
        print("This is a bug in artstyle_tf. Please report the lines above.", file=sys.stderr)
        return EXIT_BUG


def _publish(run: Any, config: Any, reporter: Reporter) -> str | None:
    from artstyle_tf.report.after_training import publish_run  # which imports matplotlib

    return publish_run(run, config, reporter)


def _tell_mistake(error: ArtstyleError, parsed: argparse.Namespace) -> int:
    print(f"Error: {error}", file=sys.stderr)
    if parsed.json:
        with contextlib.suppress(UndeliveredError):  # the mistake is what counts
            deliver(json_text({"error": str(error)}, "stdout", encoding=encoding_of_stdout()))
    return EXIT_USER_MISTAKE


def _undelivered(error: UndeliveredError) -> ArtstyleError:
    return ArtstyleError(
        "The result could not be written to stdout",
        received=error.cause.strerror or str(error.cause),
        fix="let stdout go where there is room; what the command writes into files is complete",
    )


def _run_verb(verb: Verb, parsed: argparse.Namespace, invocation: Invocation) -> int:
    with ended_at_once(_tell_that_nothing_was_begun):
        config = load_config(verb.schema, _config_file(verb, parsed), _overrides(verb, parsed))
    if parsed.print_config:
        deliver(dump_yaml(config))
        return EXIT_DONE
    # What a library prints must not get between the user and the result.
    printed = io.StringIO()
    provide_temporary_folder(_folder_of_results(config))
    with contextlib.redirect_stdout(sys.stderr if not parsed.quiet else printed):
        _check_early(verb, config, invocation)
        with ended_at_once(_tell_that_nothing_was_begun):  # TensorFlow takes seconds
            job = _import_quietly(verb.job)
        act = job.plan if parsed.dry_run else job.run
        with interrupted_at_safe_points():
            result: dict[str, Any] = act(config, invocation)
    if parsed.json:
        deliver(json_text(result, "the result", encoding=encoding_of_stdout()))
    else:
        summarise = job.summarise
        if parsed.dry_run:  # most plans are their keys; some jobs have words for theirs
            summarise = getattr(job, "summarise_plan", summarise_plan)
        # Names are made visible first: a line's end in one would look like the program's own.
        deliver(summarise(shown_values(result)))
    return EXIT_FOUND if result.get("failed_on") else EXIT_DONE


def _check_early(verb: Verb, config: Any, invocation: Invocation) -> None:
    """Refuses what can be refused without what takes seconds to import."""
    if verb.early_check is not None:
        pkgutil.resolve_name(f"{_EARLY_CHECKS}:{verb.early_check}")(config, invocation)


def _folder_of_results(config: Any) -> Path:
    """Where a verb may write: its outputs folder, else the run that it is about."""
    for name in ("outputs", "run"):
        folder = getattr(config, name, None)
        if isinstance(folder, str):
            return Path(folder)
    return Path("outputs")


def _tell_that_nothing_was_begun() -> None:
    """Writes to stderr, also while it is kept apart, from a signal's handler."""
    with contextlib.suppress(OSError):
        os.write(_apart.get("stderr", 2), b"Interrupted before anything was begun.\n")


_apart: dict[str, int] = {}
"""The descriptor of stderr while `_import_quietly` has put another file in its place."""


def _import_quietly(module: str) -> Any:
    """Imports a job without the lines that TensorFlow's native part writes while it loads.

    They speak of processors and missing GPUs, come before its own log level is read, and look like
    errors to a newcomer. If the import fails they are shown after all.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if module in sys.modules:
        return sys.modules[module]
    sys.stderr.flush()
    with _temporary_file() as captured:
        stderr = _apart["stderr"] = os.dup(2)
        os.dup2(captured.fileno(), 2)
        try:
            job = importlib.import_module(module)
            if "tensorflow" in sys.modules:  # it looks for GPUs, and talks, when first asked
                sys.modules["tensorflow"].config.list_physical_devices()
                # It takes the several models of one training for a mistake.
                logging.getLogger("tensorflow").setLevel(logging.ERROR)
            return job
        except BaseException:
            captured.seek(0)
            with contextlib.suppress(OSError):
                os.write(stderr, captured.read())
            raise
        finally:
            os.dup2(stderr, 2)
            del _apart["stderr"]
            os.close(stderr)


def _temporary_file() -> Any:
    """A place for what is written; nowhere on a system without a writable temporary folder."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return Path(os.devnull).open("rb+")


def _config_file(verb: Verb, parsed: argparse.Namespace) -> Path:
    if parsed.config is not None:
        return parsed.config
    name = verb.config_file
    if getattr(parsed, "demo", False) and verb.demo_config_file is not None:
        name = verb.demo_config_file
    return _configs_folder() / name


def _configs_folder() -> Path:
    """configs/ of the checkout; in an installed package they lie inside the package."""
    package = Path(artstyle_tf.__file__).parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def _overrides(verb: Verb, parsed: argparse.Namespace) -> list[str]:
    options = [("--run-name", "run_name"), ("--outputs", "outputs")]
    options += [(option.name, option.key) for option in verb.options]
    overrides, positionals = list(parsed.overrides), []
    if verb.positional is not None:
        # A file may have "=" in its name, but then it is there.
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
        how = "the same command begins anew, with --overwrite if the run has a name"
    return f"Interrupted. Nothing is half-written; {how}."
