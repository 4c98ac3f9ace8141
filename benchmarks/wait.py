"""Measure how long a user waits for each command, beside plain Keras and PyTorch scripts.

See `python benchmarks/wait.py --help`.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from commands_to_wait_for import COMMANDS, Inputs, WorkFolder, write_split
from exit_codes import exit_code_of
from measured_process import FinishedProcess, python_that_imports, run_measured

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import write_json
from artstyle_tf.system.progress import Reporter

REFERENCE = "import tensorflow"

DESCRIPTION = """\
Runs the commands of the README as a user does, each in a process of its own, and measures

  wall time       from the start of the program to its end, and its ratio to `import tensorflow` in
                  a process of its own, which is measured before each command
  processor time  of all cores, user and system, with all processes that the command starts
  peak memory     of its largest process, mapped files included

with these states of the cache:

  cold   the outputs hold nothing but the trainings that the command needs: no trunk cache, no
         prepared images when it trains, no earlier prediction. Files stay in the file cache of the
         operating system.
  warm   the same command again
  none   scripts that keep nothing: plain_keras.py, and its twin in PyTorch with --torch-python.
         They train a Dense head on a frozen network, through the network in each epoch, or on
         features that are computed once.

The images are the demo images, drawn first, and the weights random, so that it runs anywhere; the
scores mean nothing then. All happens in a temporary folder, which is removed.
"""

EXAMPLES = """\
examples:
  python benchmarks/wait.py --commands train_direct plain_keras
  python benchmarks/wait.py --images data/images --split-file split.csv --weights FILE --tune 100
"""


@dataclass
class Waited:
    """What one command took with one state of the cache.

    Attributes:
        command: its name.
        cache: state of the cache; None for the reference.
        processes: its processes, one per round.
    """

    command: str
    cache: str | None = None
    processes: list[FinishedProcess] = field(default_factory=list)

    @property
    def wall_s(self) -> float:
        """Median over the rounds."""
        return statistics.median(process.wall_s for process in self.processes)

    def as_json(self, reference: Waited) -> dict[str, Any]:
        """Return medians over the rounds, and the ratio to the reference."""
        processes = self.processes
        return {
            "command": self.command,
            "cache": self.cache,
            "wall_s": self.wall_s,
            "ratio": self.wall_s / reference.wall_s,
            "processor_s": statistics.median(process.processor_s for process in processes),
            "peak_memory_gb": max(process.peak_memory_gb for process in processes),
            "values": [process.wall_s for process in processes],
        }


def main() -> int:
    options = _parse()
    # They end the program as Ctrl-C does: commands end and the folder is removed.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    return exit_code_of(lambda: _run(options, Reporter(quiet=options.quiet)))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--images", type=Path, metavar="DIR", help="folder of style folders; default: demo images")
    add(
        "--split-file",
        type=Path,
        metavar="FILE",
        help="CSV path,label,split of --images; default: every sixth image validates",
    )
    add("--backbone", default="efficientnet_v2_b0", help="default: %(default)s")
    add("--weights", help="pretrained, or a file without top; default: random weights")
    add("--image-size-px", type=int, default=320, metavar="S", help="default: %(default)s")
    add(
        "--commands",
        nargs="+",
        choices=COMMANDS,
        default=list(COMMANDS),
        metavar="NAME",
        help=f"some of {', '.join(COMMANDS)}; default: all",
    )
    add("--tune", type=int, metavar="TRIALS", help="also tune.py with so many trials")
    add("--epochs", type=int, default=5, help="of the plain scripts (default: %(default)s)")
    add("--torch-python", type=Path, metavar="PATH", help="a python with torch and timm")
    add("--override", action="append", default=[], metavar="KEY=VALUE", help="of the trainings")
    add("--repeats", type=int, default=1, metavar="N", help="rounds (default: %(default)s)")
    add("--json", type=Path, metavar="FILE", help="write the whole result here")
    add("--quiet", action="store_true", help="no progress on stderr")
    options = parser.parse_args()
    if options.split_file is not None and options.images is None:
        parser.error("--split-file needs --images")
    return options


def _run(options: argparse.Namespace, reporter: Reporter) -> None:
    with tempfile.TemporaryDirectory(prefix="wait-") as folder:
        place = Path(folder)
        inputs = _inputs(options, place, reporter)
        num_images = sum(1 for _ in inputs.rows())
        measured, failed = _measure(options, inputs, place, reporter)
    left_out = {
        name: reason for name in options.commands if (reason := COMMANDS[name].missing(inputs))
    }
    _print(measured, left_out, options.repeats)
    if options.json is not None:
        _write(options, measured, left_out | failed, num_images)
    if failed:
        raise ArtstyleError("Some commands failed", received="; ".join(failed.values()))


def _inputs(options: argparse.Namespace, folder: Path, reporter: Reporter) -> Inputs:
    images = options.images
    if images is None:
        images = folder / "images"
        reporter.info("Drawing the demo images")
        # In another process, so that this one stays small: see `run_measured`.
        program = "import sys, artstyle_tf; artstyle_tf.demo_images(sys.argv[1], quiet=True)"
        run_measured([sys.executable, "-c", program, str(images)])
    split_file = options.split_file
    if split_file is None:
        split_file = folder / "split.csv"
        write_split(images, split_file)
    weights = options.weights
    if weights is not None and Path(weights).is_file():
        weights = str(Path(weights).absolute())
    return Inputs(
        images=images.absolute(),
        split_file=split_file.absolute(),
        backbone=options.backbone,
        weights=weights,
        image_size_px=options.image_size_px,
        overrides=options.override,
        epochs=options.epochs,
        trials=options.tune,
        torch_python=options.torch_python,
    )


def _measure(
    options: argparse.Namespace, inputs: Inputs, folder: Path, reporter: Reporter
) -> tuple[list[Waited], dict[str, str]]:
    """Return the reference and each command with each state of the cache, and what failed."""
    place = WorkFolder(folder, inputs, reporter)
    reference = Waited(REFERENCE)
    rows: dict[tuple[str, str], Waited] = {}
    failed: dict[str, str] = {}
    names = [name for name in COMMANDS if name in options.commands]
    names = [name for name in names if COMMANDS[name].missing(inputs) is None]
    for _ in range(options.repeats):
        for name in (name for name in names if name not in failed):
            command = COMMANDS[name]
            reference.processes.append(run_measured(python_that_imports("tensorflow")))
            reporter.info(f"{REFERENCE}: {reference.processes[-1].wall_s:.1f} s")
            try:
                place.empty(command)
            except ArtstyleError as error:  # a training for others, which would fail again
                reporter.warn(str(error))
                failed.update({name: str(error) for name in names if COMMANDS[name].needs_runs})
                continue
            for cache in command.caches:
                reporter.info(f"Measuring {name}, cache: {cache}")
                try:
                    process = run_measured(command.arguments(inputs, cache), folder=folder)
                except ArtstyleError as error:
                    reporter.warn(str(error))
                    failed[name] = str(error)
                    break
                reporter.info(f"{name}, cache: {cache}: {process.wall_s:.1f} s")
                rows.setdefault((name, cache), Waited(name, cache)).processes.append(process)
            if name == "train_direct" and name not in failed:
                place.keep_runs()
    return [reference, *rows.values()], failed


def _print(measured: Sequence[Waited], left_out: Mapping[str, str], repeats: int) -> None:
    reference = measured[0]
    width = max(len(name) for name in [REFERENCE, *COMMANDS])
    print(f"{'command':<{width}} {'cache':<5} {'wall, s':>8} {'ratio':>6}", end=" ")
    print(f"{'processor, s':>12} {'peak, GB':>9}")
    for waited in measured:
        row = waited.as_json(reference)
        columns = f"{row['wall_s']:>8.1f} {row['ratio']:>6.2f} {row['processor_s']:>12.1f}"
        name = f"{waited.command:<{width}} {waited.cache or '':<5}"
        print(f"{name} {columns} {row['peak_memory_gb']:>9.2f}")
    for name, reason in left_out.items():
        print(f"{name:<{width}} not measured: {reason}")
    walls = [process.wall_s for process in reference.processes]
    print(
        f"Rounds: {repeats}, medians. Ratio: wall time, to the median of {len(walls)} times",
        end=" ",
    )
    print(f"`{REFERENCE}` in this run ({min(walls):.1f} to {max(walls):.1f} s).")


def _write(
    options: argparse.Namespace,
    measured: Sequence[Waited],
    left_out: Mapping[str, str],
    num_images: int,
) -> None:
    # Imported late: it imports Keras, and --help must respond at once.
    from artstyle_tf.runs.environment import describe_environment

    reference, *commands = measured
    settings = {
        name: getattr(options, name)
        for name in ("backbone", "image_size_px", "epochs", "tune", "override", "repeats")
    }
    settings["images"] = "demo" if options.images is None else "own"
    settings["num_images"] = num_images
    settings["weights"] = "random" if options.weights is None else "given"
    content = {
        "benchmark": "wait",
        "environment": describe_environment(),
        "settings": settings,
        "reference": reference.as_json(reference),
        "results": [waited.as_json(reference) for waited in commands],
        "left_out": dict(left_out),
    }
    write_json(options.json, content)


if __name__ == "__main__":
    sys.exit(main())
