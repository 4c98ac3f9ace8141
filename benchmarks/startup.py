"""Measure how long imports take, and which packages take the time.

See `python benchmarks/startup.py --help`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from exit_codes import exit_code_of
from measured_process import python_that_imports, run_measured
from side_by_side import Comparison, measure_side_by_side

from artstyle_tf.api.jobs import JOBS
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import write_json
from artstyle_tf.system.progress import Reporter

REFERENCE = "tensorflow"
STANDARD_LIBRARY = "standard library"

DESCRIPTION = """\
Measures `import X` for TensorFlow, Keras, artstyle_tf and the module of each verb, each in a fresh
process, the start of Python included:

  wall time   the best of several repetitions, in turns, and its ratio to `import tensorflow`
  packages    sums of `python -X importtime` by top-level package, in one more repetition. A package
              has the time of its own modules, without those that they import ("self").
"""

_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)$")


def main() -> int:
    options = _parse()
    return exit_code_of(lambda: _run(options, Reporter(quiet=options.quiet)))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--modules", nargs="+", metavar="NAME", help="these instead, beside TensorFlow")
    add("--repeats", type=int, default=3, metavar="N", help="repetitions (default: %(default)s)")
    add("--top", type=int, default=6, metavar="N", help="packages shown (default: %(default)s)")
    add("--json", type=Path, metavar="FILE", help="write the whole result, all packages, here")
    add("--quiet", action="store_true", help="no progress on stderr")
    return parser.parse_args()


def _run(options: argparse.Namespace, reporter: Reporter) -> None:
    verbs = _verbs_of_modules()
    modules = options.modules or ["keras", "artstyle_tf", *verbs]
    modules = list(dict.fromkeys([REFERENCE, *modules]))
    # First, because it also fills the caches of the file system and of compiled modules.
    tracked = reporter.track(
        modules, total=len(modules), description="Summing imports", unit="modules"
    )
    packages = {module: seconds_by_package(module) for module in tracked}
    comparison = measure_side_by_side(
        {module: _import_in_new_process(module) for module in modules},
        unit="s",
        reference=REFERENCE,
        repeats=options.repeats,
        warm_up_rounds=0,
        reporter=reporter,
    )
    results = [
        {
            "module": module,
            "verbs": verbs.get(module, []),
            "best_s": comparison.measurements[module].minimum,
            "ratio": _ratio_of_best(comparison, module),
            "values": list(comparison.measurements[module].values),
            "packages_s": packages[module],
        }
        for module in modules
    ]
    _print(results, options.top)
    if options.json is not None:
        _write(options.json, results, options.repeats)


def _verbs_of_modules() -> dict[str, list[str]]:
    """Return module of a verb -> its verbs."""
    verbs: dict[str, list[str]] = {}
    for verb, job in JOBS.items():
        verbs.setdefault(job.module, []).append(verb)
    return verbs


def seconds_by_package(module: str) -> dict[str, float]:
    """Import a module in a fresh process with -X importtime, and sum by top-level package.

    Args:
        module: its name.

    Returns:
        Top-level package -> seconds of its own modules, the longest first. The modules of the
        standard library are one package.
    """
    printed = run_measured(python_that_imports(module, "-X", "importtime")).messages
    packages = sum_by_package(printed.splitlines())
    if module.partition(".")[0] not in packages:
        raise ArtstyleError("-X importtime has printed nothing", received=printed[-500:])
    return packages


def sum_by_package(lines: Sequence[str]) -> dict[str, float]:
    """Sum the lines of -X importtime by top-level package; see `seconds_by_package`."""
    microseconds: Counter[str] = Counter()
    for match in filter(None, map(_LINE.match, lines)):
        package = match[2].partition(".")[0]
        if package in sys.stdlib_module_names:
            package = STANDARD_LIBRARY
        microseconds[package] += int(match[1])
    return {package: total / 1e6 for package, total in microseconds.most_common()}


def _import_in_new_process(module: str) -> Callable[[], float]:
    return lambda: run_measured(python_that_imports(module)).wall_s


def _ratio_of_best(comparison: Comparison, module: str) -> float:
    measurements = comparison.measurements
    return measurements[module].minimum / measurements[REFERENCE].minimum


def _print(results: list[dict[str, Any]], top: int) -> None:
    width = max(len(result["module"]) for result in results)
    print(f"{'import':<{width}} {'best, s':>8} {'max, s':>7} {'ratio':>6}  verb")
    for result in results:
        columns = f"{result['best_s']:>8.2f} {max(result['values']):>7.2f} {result['ratio']:>6.2f}"
        print(f"{result['module']:<{width}} {columns}  {', '.join(result['verbs'])}".rstrip())
    print(f"Repetitions: {len(results[0]['values'])}. Ratio: best, to that of `import tensorflow`.")
    print()
    print(f"{'import':<{width}} {'sum, s':>8}  own time of each package, s (-X importtime)")
    for result in results:
        packages = list(result["packages_s"].items())
        shown = [*packages[:top], ("others", sum(seconds for _, seconds in packages[top:]))]
        texts = ", ".join(f"{package} {seconds:.2f}" for package, seconds in shown)
        print(f"{result['module']:<{width}} {sum(result['packages_s'].values()):>8.2f}  {texts}")


def _write(path: Path, results: list[dict[str, Any]], repeats: int) -> None:
    from artstyle_tf.runs.environment import describe_environment

    content = {
        "benchmark": "startup",
        "environment": describe_environment(),
        "settings": {"repeats": repeats},
        "unit": "s",
        "reference": REFERENCE,
        "results": results,
    }
    write_json(path, content)


if __name__ == "__main__":
    sys.exit(main())
