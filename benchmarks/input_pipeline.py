"""Compare the throughput of image input pipelines: decoding, resizing and batching.

See `python benchmarks/input_pipeline.py --help`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from exit_codes import exit_code_of
from side_by_side import Comparison, measure_side_by_side, print_table, write_result

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter

IMAGE_SIZE_PX = 224
BATCH_SIZE = 32
TORCH_WORKERS = 2
DECODED = "artstyle_tf, decoded every epoch"
IN_MEMORY = "artstyle_tf, kept in memory"
TORCH = f"torch DataLoader, Pillow, {TORCH_WORKERS} workers"

DESCRIPTION = f"""\
Measures images per second in batches of {BATCH_SIZE} at {IMAGE_SIZE_PX} px:

  JPEG decoding alone                  bytes in memory, no resize: an upper bound
  {DECODED:<35}  when the images do not fit into memory
  {IN_MEMORY:<35}  when they do; the first epoch is not counted
  image_dataset_from_directory         of Keras, as it is and with another .prefetch()
  {TORCH:<35}  only with --torch-python

artstyle_tf and torch resize with antialiasing; Keras does not, which is less work. Keras
prefetches anyway, so its two rows do the same; if they differ, compare min and max instead of
the median. Measurements alternate, one epoch each, after one warm-up epoch each.
"""

EXAMPLES = """\
examples:
  python benchmarks/input_pipeline.py
  python benchmarks/input_pipeline.py --images data/images --json input_pipeline.json
  python benchmarks/input_pipeline.py --torch-python ../torch-venv/bin/python
"""


def main() -> int:
    options = _parse()
    return exit_code_of(lambda: _run_in_folder(options, Reporter(quiet=options.quiet)))


def _run_in_folder(options: argparse.Namespace, reporter: Reporter) -> None:
    with tempfile.TemporaryDirectory(prefix="input-pipeline-") as folder:
        _run(options, Path(folder), reporter)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--images", type=Path, metavar="FOLDER", help="style folders of JPEG files (default: demo)")
    add(
        "--max-images",
        type=_positive,
        default=1000,
        metavar="N",
        help="use at most N images, of all styles (default: %(default)s)",
    )
    add("--repeats", type=_positive, default=5, metavar="N", help="rounds (default: %(default)s)")
    add("--torch-python", type=Path, metavar="PATH", help="a python with torch, numpy and pillow")
    add("--json", type=Path, metavar="FILE", help="write the whole result here")
    add("--quiet", action="store_true", help="no progress on stderr")
    return parser.parse_args()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _run(options: argparse.Namespace, folder: Path, reporter: Reporter) -> None:
    originals = _choose(options.images, options.max_images, folder, reporter)
    copies = _copy(originals, folder / "images")
    comparison, versions = _measure(copies, folder / "images", options, reporter)
    print_table(comparison, decimals=0)
    if options.json is None:
        return
    num_bytes = sum(path.stat().st_size for path in copies)
    settings = {
        "images": len(copies),
        "image_source": "demo set" if options.images is None else "given folder",
        "mean_file_kb": round(num_bytes / len(copies) / 1000, 1),
        "image_size_px": IMAGE_SIZE_PX,
        "batch_size": BATCH_SIZE,
        "torch_reader": versions,
    }
    write_result(options.json, comparison, benchmark="input_pipeline", settings=settings)


def _choose(images: Path | None, max_images: int, folder: Path, reporter: Reporter) -> list[Path]:
    if images is None:
        from artstyle_tf.demo.demo_set import write_demo_set  # imported late, like TensorFlow below

        images = folder / "demo"
        write_demo_set(images, reporter=reporter)
    found = sorted(path for path in images.glob("*/*") if path.suffix.lower() in (".jpg", ".jpeg"))
    if not found:
        raise ArtstyleError(
            "There are no images to measure",
            received=images,
            expected="a folder of style folders with JPEG files",
            fix="give such a folder with --images, or leave the option out for the demo set",
        )
    # Evenly from all styles, because the time to decode an image differs between styles.
    step = max(1.0, len(found) / max_images)
    return [found[int(place * step)] for place in range(min(len(found), max_images))]


def _copy(originals: Sequence[Path], folder: Path) -> list[Path]:
    """Copy the files, so that Keras, which reads a whole folder, reads the same files."""
    copies = []
    for number, original in enumerate(originals):
        copy = folder / original.parent.name / f"{number}.jpg"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(original, copy)
        copies.append(copy)
    return copies


def _measure(
    paths: list[Path], folder: Path, options: argparse.Namespace, reporter: Reporter
) -> tuple[Comparison, dict[str, str] | None]:
    """Return the comparison, and the versions of torch and Pillow if they were measured."""
    # TensorFlow is imported late, so that --help and a wrong option respond at once.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import image_readers as readers

    styles = sorted({path.parent.name for path in paths})
    labels = [styles.index(path.parent.name) for path in paths]
    images = readers.Images(folder, paths, labels, IMAGE_SIZE_PX, BATCH_SIZE)
    candidates = {
        "JPEG decoding alone": readers.decoding_only(images),
        DECODED: readers.artstyle_pipeline(images, in_memory=False),
        IN_MEMORY: readers.artstyle_pipeline(images, in_memory=True),
        "image_dataset_from_directory": readers.keras_pipeline(images, prefetch=False),
        "image_dataset_from_directory.prefetch": readers.keras_pipeline(images, prefetch=True),
    }
    left_out: dict[str, str] = {}
    versions = None
    with contextlib.ExitStack() as stack:
        if options.torch_python is None:
            left_out[TORCH] = "give --torch-python PATH"
        else:
            loader = readers.torch_loader(options.torch_python, images, num_workers=TORCH_WORKERS)
            candidates[TORCH], versions = stack.enter_context(loader)
        comparison = measure_side_by_side(
            candidates,
            unit="images/s",
            reference=DECODED,
            repeats=options.repeats,
            left_out=left_out,
            reporter=reporter,
        )
    return comparison, versions


if __name__ == "__main__":
    sys.exit(main())
