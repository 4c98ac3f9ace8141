"""How fast batches of decoded, resized images come out: ours beside what others use.

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
OURS = "artstyle_tf, decoded every epoch"
KEPT = "artstyle_tf, kept in memory"
TORCH = f"torch DataLoader, Pillow, {TORCH_WORKERS} workers"

DESCRIPTION = f"""\
Measures how many images a second come out as batches of {BATCH_SIZE} at {IMAGE_SIZE_PX} px:

  JPEG decoding alone                  bytes in memory, no resize: the most that is possible
  {OURS:<35}  when the images do not fit into memory
  {KEPT:<35}  when they do; the first reading does not count
  image_dataset_from_directory         Keras' own, as it is and with one more .prefetch()
  {TORCH:<35}  only with --torch-python

Ours and torch resize with antialiasing; Keras does not, which is less work. Keras prefetches
anyway, so its two rows do the same: where they differ, look at min and max, not at the median.
All take turns, one epoch each, after an epoch each that does not count.
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
        "--most-images",
        type=_positive,
        default=1000,
        metavar="N",
        help="use N at most, of all styles (default: %(default)s)",
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
        from artstyle_tf.demo.demo_set import write_demo_set  # late, as TensorFlow is below

        images = folder / "demo"
        write_demo_set(images, reporter=reporter)
    found = sorted(path for path in images.glob("*/*") if path.suffix.lower() in (".jpg", ".jpeg"))
    if not found:
        raise ArtstyleError(
            "There are no images to measure with",
            received=images,
            expected="a folder of style folders with JPEG files",
            fix="give such a folder with --images, or leave the option out for the demo set",
        )
    # Evenly from all styles, because styles differ in how long an image takes to decode.
    step = max(1.0, len(found) / max_images)
    return [found[int(place * step)] for place in range(min(len(found), max_images))]


def _copy(originals: Sequence[Path], folder: Path) -> list[Path]:
    """Copy the files, so that Keras, which takes a whole folder, reads the same ones."""
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
    """The comparison, and the versions of torch and Pillow if they were measured."""
    # TensorFlow is imported late: --help and a wrong option must answer at once.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import image_readers as readers

    styles = sorted({path.parent.name for path in paths})
    labels = [styles.index(path.parent.name) for path in paths]
    images = readers.Images(folder, paths, labels, IMAGE_SIZE_PX, BATCH_SIZE)
    candidates = {
        "JPEG decoding alone": readers.decoding_alone(images),
        OURS: readers.ours(images, keep=False),
        KEPT: readers.ours(images, keep=True),
        "image_dataset_from_directory": readers.keras_directory(images, prefetch=False),
        "image_dataset_from_directory.prefetch": readers.keras_directory(images, prefetch=True),
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
            reference=OURS,
            repeats=options.repeats,
            left_out=left_out,
            reporter=reporter,
        )
    return comparison, versions


if __name__ == "__main__":
    sys.exit(main())
