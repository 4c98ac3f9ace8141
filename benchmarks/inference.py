"""Measure the throughput of a network in every runtime, and the cost of reading files.

See `python benchmarks/inference.py --help`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from exit_codes import exit_code_of
from PIL import Image
from side_by_side import Comparison, measure_side_by_side, print_table, write_result

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter

if TYPE_CHECKING:
    from artstyle_tf.runs.served_run import ServedRun

BATCH_SIZE = 16
SIDE_PX = 500
KERAS = "Keras predict"
TENSORFLOW = "TensorFlow, graph of constants"
TORCH = "PyTorch EfficientNet-B0"
READING_THREADS = 2

DESCRIPTION = f"""\
Measures images per second, in batches of {BATCH_SIZE}:

  without --files  every installed runtime, on pixels in memory: Keras predict, the graph of
                   constants that a SavedModel holds, the SavedModel itself, ONNX Runtime,
                   OpenVINO in float32 and bfloat16, LiteRT in float32 and 8 bits; PyTorch with
                   --torch-python
  with --files N   predict.py's pipeline over N generated JPEGs of {SIDE_PX} px, compared with the
                   network alone, with one runtime; also prints the peak memory

Measurements alternate. The network is that of a finished run, or one with random weights.
"""

EXAMPLES = """\
examples:
  python benchmarks/inference.py --run outputs/models/demo
  python benchmarks/inference.py --run outputs/models/demo --files 10000 --runtime openvino
"""


def main() -> int:
    options = _parse()
    return exit_code_of(lambda: _run(options, Reporter(quiet=options.quiet)))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--run", type=Path, metavar="DIR", help="a finished run (default: V2-B0, random weights)")
    add("--image-size-px", type=int, default=320, metavar="S", help="without --run (default: 320)")
    add("--repeats", type=int, default=5, metavar="N", help="rounds (default: %(default)s)")
    add("--files", type=int, metavar="N", help="also measure reading, over N files")
    add("--runtime", default="tensorflow", help="with --files (default: %(default)s)")
    add("--torch-python", type=Path, metavar="PATH", help="a python with torch and torchvision")
    add("--json", type=Path, metavar="FILE", help="write the whole result here")
    add("--quiet", action="store_true", help="no progress on stderr")
    return parser.parse_args()


def _run(options: argparse.Namespace, reporter: Reporter) -> None:
    served = _served(options)
    with tempfile.TemporaryDirectory(prefix="inference-") as folder:
        if options.files is None:
            comparison = _compare_runtimes(served, options, Path(folder), reporter)
        else:
            comparison = _compare_with_files(served, options, Path(folder), reporter)
    print_table(comparison)
    if options.json is not None:
        settings = {
            "image_size_px": served.image_size_px,
            "batch_size": BATCH_SIZE,
            "files": options.files,
            "runtime": options.runtime if options.files else None,
        }
        write_result(options.json, comparison, benchmark="inference", settings=settings)


def _served(options: argparse.Namespace) -> ServedRun:
    from artstyle_tf.runs.run_directory import open_run
    from artstyle_tf.runs.served_run import load_served_run

    if options.run is not None:
        return load_served_run(open_run(options.run))
    from artstyle_tf.models.backbone import build_backbone
    from artstyle_tf.models.features import build_style_features
    from artstyle_tf.models.network import build_classifier
    from artstyle_tf.runs.served_run import ServedRun, network_of

    backbone = build_backbone(
        "efficientnet_v2_b0", image_size_px=options.image_size_px, weights=None
    )
    features = build_style_features(backbone, blocks=None, width=48)
    classifier = build_classifier(backbone, num_classes=8, dropout=0.2, seed=0, features=features)
    return ServedRun(
        name="random",
        load_network=lambda: network_of(classifier.model),
        class_names=tuple(f"style_{number}" for number in range(8)),
        image_size_px=options.image_size_px,
        aspect="squash",
        max_side_px=1024,
        calibration=None,
    )


def _compare_runtimes(
    served: ServedRun, options: argparse.Namespace, folder: Path, reporter: Reporter
) -> Comparison:
    side = served.image_size_px
    pixels = np.random.default_rng(0).uniform(0, 255, (BATCH_SIZE, side, side, 3))
    pixels = pixels.astype(np.float32)
    networks, left_out = _networks(served, folder, reporter)
    candidates = {name: _timed(network, pixels) for name, network in networks.items()}
    with contextlib.ExitStack() as stack:
        if options.torch_python is None:
            left_out[TORCH] = "give --torch-python PATH"
        else:
            candidates[TORCH] = stack.enter_context(_torch(options.torch_python, side))
        return measure_side_by_side(
            candidates,
            unit="images/s",
            reference=TENSORFLOW,
            repeats=options.repeats,
            left_out=left_out,
            reporter=reporter,
        )


def _networks(
    served: ServedRun, folder: Path, reporter: Reporter
) -> tuple[dict[str, Callable[[np.ndarray], Any]], dict[str, str]]:
    """Return name -> function that runs the network, and name -> missing packages."""
    import tensorflow as tf

    from artstyle_tf.export.formats.export_format import load_format
    from artstyle_tf.export.formats.registry import FORMATS, missing_packages
    from artstyle_tf.export.saved_model import write_saved_model
    from artstyle_tf.export.settings import ExportExperiment
    from artstyle_tf.runs.served_run import keras_network
    from artstyle_tf.trunk_cache.frozen_graph import freeze

    frozen = freeze(served.network, served.output_names)
    max_pixels = ExportExperiment().max_pixels
    version = write_saved_model(served, frozen, folder / "saved_model", max_pixels=max_pixels)
    from_pixels = tf.saved_model.load(str(version)).signatures["from_pixels"]
    networks: dict[str, Callable[[np.ndarray], Any]] = {
        KERAS: keras_network(served.network),
        TENSORFLOW: frozen,
        "SavedModel": lambda pixels: from_pixels(pixels=tf.constant(pixels)),
    }
    left_out = {}
    generator = np.random.default_rng(0)
    shape = (served.image_size_px, served.image_size_px, 3)
    examples = [generator.uniform(0, 255, shape).astype(np.float32) for _ in range(4)]
    for name in FORMATS:
        missing = missing_packages(name)
        if missing:
            left_out[name] = f"no {', '.join(missing)}"
            continue
        reporter.info(f"Converting to {name}")
        (folder / name).mkdir()
        export_format = load_format(name)
        networks[name] = export_format.open(
            export_format.write(frozen, folder / name, lambda: examples)
        )
    return networks, left_out


def _timed(network: Callable[[np.ndarray], Any], pixels: np.ndarray) -> Callable[[], float]:
    def measure() -> float:
        start = time.perf_counter()
        network(pixels)
        return len(pixels) / (time.perf_counter() - start)

    return measure


def _compare_with_files(
    served: ServedRun, options: argparse.Namespace, folder: Path, reporter: Reporter
) -> Comparison:
    """Compare predict.py's pipeline over files with the network alone on as many images."""
    from artstyle_tf.export.formats.export_format import load_format
    from artstyle_tf.prediction.predictors import RunPredictor, predict_files
    from artstyle_tf.trunk_cache.frozen_graph import freeze

    network: Any = freeze(served.network, served.output_names)
    if options.runtime != "tensorflow":
        export_format = load_format(options.runtime)
        network = export_format.open(export_format.write(network, folder, lambda: ()))
    paths = _generate(folder / "images", options.files, reporter)
    predictor = RunPredictor(served, options.runtime, network)
    loaded: Any = predictor.load(paths[:BATCH_SIZE])
    batch = np.stack(loaded).astype(np.float32)

    def bare() -> float:
        start = time.perf_counter()
        for _ in range(0, len(paths), BATCH_SIZE):
            served.predictions_of(network(batch))
        return len(paths) / (time.perf_counter() - start)

    def from_files() -> float:
        start = time.perf_counter()
        for _ in predict_files(
            predictor, paths, batch_size=BATCH_SIZE, reading_threads=READING_THREADS
        ):
            pass
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        reporter.info(f"Peak memory so far: {peak:.2f} GB")
        return len(paths) / seconds

    return measure_side_by_side(
        {"network alone": bare, "from files": from_files},
        unit="images/s",
        reference="network alone",
        repeats=options.repeats,
        warm_up_rounds=1 if len(paths) < 1000 else 0,
        reporter=reporter,
    )


def _generate(folder: Path, count: int, reporter: Reporter) -> list[Path]:
    """Write smooth noise as JPEGs of about 60 kB (quality 90), the size of scanned paintings."""
    folder.mkdir()
    paths = []
    for number in reporter.track(range(count), total=count, description="Drawing images"):
        generator = np.random.default_rng([0, number])
        coarse = generator.integers(0, 256, (SIDE_PX // 5, SIDE_PX // 5, 3), np.uint8)
        path = folder / f"{number:06}.jpg"
        drawn = Image.fromarray(coarse).resize((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR)
        drawn.save(path, quality=90)
        paths.append(path)
    return paths


@contextlib.contextmanager
def _torch(python: Path, image_size_px: int) -> Iterator[Callable[[], float]]:
    """Run EfficientNet-B0 in another environment; it is idle while others are measured."""
    script = Path(__file__).with_name("torch_network.py")
    command = [str(python), str(script), str(image_size_px), str(BATCH_SIZE)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def measure() -> float:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("The process has no pipes")
            process.stdin.write("go\n")
            process.stdin.flush()
            response = process.stdout.readline()
            if not response:
                raise ArtstyleError(
                    "PyTorch cannot be measured",
                    expected="--torch-python with a python that has torch and torchvision",
                )
            return json.loads(response)

        yield measure


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.exit(main())
