"""Compare the latency of the style head and the pooled head for one image.

Both heads use the same backbone with random weights; the time does not depend on the weights.
Prints milliseconds per image in memory, measured alternately: with the graph of constants that a
SavedModel holds, and with OpenVINO in float32 if it is installed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from exit_codes import exit_code_of
from side_by_side import measure_side_by_side, print_table, write_result

from artstyle_tf.system.progress import Reporter

_CALLS = 20
_WIDTH = 48  # of configs/direct.yaml


def main() -> int:
    options = _parse()
    return exit_code_of(lambda: _run(options, Reporter(quiet=options.quiet)))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--backbone", default="efficientnet_v2_b0", help="default: %(default)s")
    add("--image-size-px", type=int, default=320, metavar="S", help="default: %(default)s")
    add("--repeats", type=int, default=9, metavar="N", help="rounds (default: %(default)s)")
    add("--json", type=Path, metavar="FILE", help="write the whole result here")
    add("--quiet", action="store_true", help="no progress on stderr")
    return parser.parse_args()


def _run(options: argparse.Namespace, reporter: Reporter) -> None:
    side = options.image_size_px
    image = np.random.default_rng(0).uniform(0, 255, (1, side, side, 3)).astype(np.float32)
    with tempfile.TemporaryDirectory(prefix="heads-") as folder:
        networks = {}
        for head in ("pooled", "style"):
            networks |= _networks(head, options.backbone, side, Path(folder))
        comparisons = {
            runtime: measure_side_by_side(
                {head: _timed(networks[head, runtime], image) for head in ("pooled", "style")},
                unit="ms",
                reference="pooled",
                repeats=options.repeats,
                reporter=reporter,
            )
            for runtime in dict.fromkeys(runtime for _, runtime in networks)
        }
    for runtime, comparison in comparisons.items():
        print(f"\n{runtime}")
        print_table(comparison)
        if options.json is not None:
            file = options.json.with_stem(f"{options.json.stem}-{runtime}")
            settings = {"backbone": options.backbone, "image_size_px": side, "runtime": runtime}
            write_result(file, comparison, benchmark="heads", settings=settings)


def _networks(
    head: str, backbone_name: str, side: int, folder: Path
) -> dict[tuple[str, str], Callable[[np.ndarray], Any]]:
    """Return (head, runtime) -> function that runs the network."""
    from artstyle_tf.export.formats.export_format import load_format
    from artstyle_tf.export.formats.registry import missing_packages
    from artstyle_tf.models.backbone import build_backbone
    from artstyle_tf.models.features import build_pooled_features, build_style_features
    from artstyle_tf.models.network import build_classifier
    from artstyle_tf.trunk_cache.frozen_graph import freeze

    backbone = build_backbone(backbone_name, image_size_px=side, weights=None)
    features = (
        build_pooled_features(backbone)
        if head == "pooled"
        else build_style_features(backbone, blocks=None, width=_WIDTH)
    )
    model = build_classifier(backbone, num_classes=8, dropout=0, seed=0, features=features).model
    frozen = freeze(model, ("logits",))
    networks: dict[tuple[str, str], Callable[[np.ndarray], Any]] = {(head, "tensorflow"): frozen}
    if not missing_packages("openvino"):
        export_format = load_format("openvino")
        destination = folder / head
        destination.mkdir()
        networks[head, "openvino"] = export_format.open(
            export_format.write(frozen, destination, lambda: ())
        )
    return networks


def _timed(network: Callable[[np.ndarray], Any], image: np.ndarray) -> Callable[[], float]:
    def measure() -> float:
        start = time.perf_counter()
        for _ in range(_CALLS):
            network(image)
        return (time.perf_counter() - start) / _CALLS * 1000

    return measure


if __name__ == "__main__":
    sys.exit(main())
