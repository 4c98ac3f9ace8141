"""Read images with PyTorch's DataLoader and Pillow; run by `input_pipeline.py`.

Runs under another Python, one with torch, so it imports nothing of artstyle_tf. Reads lines from
stdin and prints one JSON line for each. The first line is a JSON object with `paths`, `labels`,
`image_size_px`, `batch_size` and `num_workers`; the response contains the versions. The response to
each further line, "epoch", contains the seconds and the number of images of one epoch.
"""

import contextlib
import json
import sys
import time

import numpy as np
import PIL
import torch  # pyright: ignore[reportMissingImports]
from PIL import Image


class Images(torch.utils.data.Dataset):
    """Map an index to (float32 [3, S, S] in [0, 1], class id)."""

    def __init__(self, paths, labels, image_size_px):
        self.paths = paths
        self.labels = labels
        self.size = (image_size_px, image_size_px)

    def __len__(self):
        """Return the number of files."""
        return len(self.paths)

    def __getitem__(self, number):
        """Return one image, resized with antialiasing as Pillow always does, and its class id."""
        with Image.open(self.paths[number]) as image:
            resized = image.convert("RGB").resize(self.size, Image.Resampling.BILINEAR)
        channels_first = torch.from_numpy(np.array(resized)).permute(2, 0, 1).contiguous()
        return channels_first.float() / 255, self.labels[number]


def main():
    request = json.loads(sys.stdin.readline())
    loader = torch.utils.data.DataLoader(
        Images(request["paths"], request["labels"], request["image_size_px"]),
        batch_size=request["batch_size"],
        shuffle=True,
        num_workers=request["num_workers"],
        # An epoch does not include the start of the workers; TensorFlow's threads persist, too.
        persistent_workers=True,
    )
    print(json.dumps({"torch": torch.__version__, "pillow": PIL.__version__}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        num_images = sum(len(labels) for _, labels in loader)
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "images": num_images}), flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):  # input_pipeline.py handles Ctrl-C
        main()
