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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import artstyle_tf
from artstyle_tf.config.loading import dump_yaml, load_config
from artstyle_tf.errors import ArtstyleError
from artstyle_tf.interruption import interrupted_at_safe_points
from artstyle_tf.redaction import redacted
from artstyle_tf.reporting import Reporter
from artstyle_tf.system_errors import explained
from artstyle_tf.verbs import VERBS, Verb
from artstyle_tf.workflows.invocation import Invocation

# By name: it imports modules that would import more, if they were asked for more.
_EARLY_CHECKS = "artstyle_tf.workflows.early_checks"

EXIT_DONE = 0
EXIT_BUG = 1
EXIT_FOUND = 1
EXIT_USER_MISTAKE = 2
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None, *, verb: str | None = None) -> int:
    """Runs one verb.

    Args:
        arguments: of the command line; `sys.argv[1:]` if None.
        verb: fixed by a script; the first argument if None.

    Returns:
        Exit code: 0 done, 2 the user's mistake, 130 interrupted, 1 our bug, or what --fail-on names
        was found.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parsed = _parse(arguments, verb)
    reporter = Reporter(quiet=parsed.quiet)
    invocation = Invocation(
        reporter=reporter,
        resume=getattr(parsed, "resume", False),
        overwrite=getattr(parsed, "overwrite", False),
    )
    try:
        return _run_verb(VERBS[parsed.verb], parsed, invocation)
    except ArtstyleError as error:
        return _tell_mistake(error, parsed)
    except KeyboardInterrupt:
        print(_interrupted(VERBS[parsed.verb]), file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Somebody closed our stdout, as `head` does; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except Exception as error:
        if (explanation := explained(error)) is not None:
            return _tell_mistake(explanation, parsed)
        print(redacted(traceback.format_exc()), file=sys.stderr, end="")
        print("This is a bug in artstyle_tf. Please report the lines above.", file=sys.stderr)
        return EXIT_BUG


def _tell_mistake(error: ArtstyleError, parsed: argparse.Namespace) -> int:
    print(f"Error: {error}", file=sys.stderr)
    if parsed.json:
        print(json.dumps({"error": str(error)}, ensure_ascii=False))
    return EXIT_USER_MISTAKE


def _run_verb(verb: Verb, parsed: argparse.Namespace, invocation: Invocation) -> int:
    config = load_config(verb.schema, _config_file(verb, parsed), _overrides(verb, parsed))
    if parsed.print_config:
        print(dump_yaml(config), end="")
        return EXIT_DONE
    # What a library prints must not get between the user and the result.
    printed = io.StringIO()
    with contextlib.redirect_stdout(sys.stderr if not parsed.quiet else printed):
        _check_early(verb, config, invocation)
        workflow = _import_quietly(verb.workflow)
        act = workflow.plan if parsed.dry_run else workflow.run
        with interrupted_at_safe_points():
            result: dict[str, Any] = act(config, invocation)
    if parsed.json:
        print(json.dumps(result, ensure_ascii=False, allow_nan=False))
    else:
        print(workflow.summarise(result))
    return EXIT_FOUND if result.get("failed_on") else EXIT_DONE


def _check_early(verb: Verb, config: Any, invocation: Invocation) -> None:
    """Refuses what can be refused without what takes seconds to import."""
    if verb.early_check is not None:
        pkgutil.resolve_name(f"{_EARLY_CHECKS}:{verb.early_check}")(config, invocation)


def _import_quietly(module: str) -> Any:
    """Imports a workflow without the lines that TensorFlow's native part writes while it loads.

    They speak of processors and missing GPUs, come before its own log level is read, and look like
    errors to a newcomer. If the import fails they are shown after all.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if module in sys.modules:
        return sys.modules[module]
    sys.stderr.flush()
    with _temporary_file() as captured:
        stderr = os.dup(2)
        os.dup2(captured.fileno(), 2)
        try:
            workflow = importlib.import_module(module)
            if "tensorflow" in sys.modules:  # it looks for GPUs, and talks, when first asked
                sys.modules["tensorflow"].config.list_physical_devices()
                # It takes the several models of one training for a mistake.
                logging.getLogger("tensorflow").setLevel(logging.ERROR)
            return workflow
        except BaseException:
            captured.seek(0)
            os.write(stderr, captured.read())
            raise
        finally:
            os.dup2(stderr, 2)
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


class _Parser(argparse.ArgumentParser):
    """What it does not understand may be an address with a password."""

    def error(self, message: str) -> NoReturn:
        super().error(redacted(message))


def _parse(arguments: list[str], verb: str | None) -> argparse.Namespace:
    if verb is None:
        verb, arguments = _choose_verb(arguments[:1]), arguments[1:]
        program = f"artstyle {verb}"
    else:
        program = None  # argparse takes the name of the script
    parser = _Parser(program, description=VERBS[verb].summary, epilog=_EPILOG)
    _add_options(parser, VERBS[verb])
    # Intermixed, because people write options before, between and after the overrides.
    parsed = parser.parse_intermixed_args(arguments)
    parsed.verb = verb
    return parsed


def _choose_verb(arguments: list[str]) -> str:
    """The first word after `artstyle`; --help and --version answer here."""
    verbs = "\n".join(f"  {verb.name:16} {verb.summary}" for verb in VERBS.values())
    parser = _Parser(
        prog="artstyle",
        description=artstyle_tf.__doc__,
        epilog=f"verbs:\n{verbs}\n\nartstyle VERB --help shows the options of a verb.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=artstyle_tf.__version__)
    parser.add_argument("verb", metavar="VERB", choices=VERBS, help="what to do; see below")
    return parser.parse_args(arguments).verb


_EPILOG = (
    "Exit codes: 0 done, 2 a mistake in the input, 130 interrupted, 1 a bug, or what --fail-on is "
    "about. Results go to stdout, everything else to stderr."
)


def _keys(verb: Verb) -> set[str]:
    """The top-level keys of the config."""
    schemas = verb.schema.values() if isinstance(verb.schema, Mapping) else [verb.schema]
    return {key for schema in schemas for key in schema.model_fields}


def _add_options(parser: argparse.ArgumentParser, verb: Verb) -> None:
    add = parser.add_argument
    names, explained = "key=value", "dotted keys, e.g. model.image_size_px=320"
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
        text = f"use the built-in demo pictures (configs/{verb.demo_config_file})"
        add("--demo", action="store_true", help=text)
    if "run_name" in _keys(verb):
        text = "folder name of the results; default: chosen for you"
        add("--run-name", metavar="NAME", help=text)
    add("--outputs", metavar="DIR", help="where results go; default: outputs")
    if verb.writes_a_run and verb.resumes:
        add("--resume", action="store_true", help="continue the interrupted run of this name")
    if verb.writes_a_run:
        add("--overwrite", action="store_true", help="replace an earlier run of this name")
    add("--print-config", action="store_true", help="print the resolved config and stop")
    add("--dry-run", action="store_true", help="check the input, say what would be done, stop")
    add("--json", action="store_true", help="print one JSON object on stdout")
    add("--quiet", action="store_true", help="no messages and no progress, only warnings")
