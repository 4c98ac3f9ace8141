"""Measure EfficientNet-B0 in PyTorch: print images per second for each line on stdin.

Runs in another environment, given to inference.py: python torch_network.py SIZE BATCH
"""

from __future__ import annotations

import json
import sys
import time

import torch  # pyright: ignore[reportMissingImports]
import torchvision  # pyright: ignore[reportMissingImports]


def main() -> None:
    size_px, batch_size = map(int, sys.argv[1:])
    network = torchvision.models.efficientnet_b0().eval().to(memory_format=torch.channels_last)
    shape = (batch_size, 3, size_px, size_px)
    pixels = torch.rand(shape).to(memory_format=torch.channels_last)
    for _ in sys.stdin:
        with torch.inference_mode():
            start = time.perf_counter()
            network(pixels)
            seconds = time.perf_counter() - start
        print(json.dumps(batch_size / seconds), flush=True)


if __name__ == "__main__":
    main()
