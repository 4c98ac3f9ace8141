"""Train a head on a frozen EfficientNet of timm, the twin of plain_keras.py; run by `wait.py`.

Runs under another Python, one with torch and timm, so it imports nothing of artstyle_tf. The
weights of the network are random, which changes the scores but not the time. Prints one JSON
object.

  python benchmarks/plain_torch.py FOLDER    which has train/STYLE/ and val/STYLE/
"""

import argparse
import json
from pathlib import Path

import timm  # pyright: ignore[reportMissingImports]
import torch  # pyright: ignore[reportMissingImports]
from torch_reader import Images

# Those that image_dataset_from_directory reads.
SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png"}


def main():
    options = parse()
    torch.manual_seed(0)
    train, val = (loader_of(options, split) for split in ("train", "val"))
    # efficientnet_v2_b0 -> tf_efficientnetv2_b0, with the padding of TensorFlow as in Keras
    name = "tf_" + options.backbone.replace("_v2_", "v2_")
    network = timm.create_model(name, pretrained=False, num_classes=0)  # ends with the pooling
    network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    num_classes = len(list((options.folder / "train").iterdir()))
    head = torch.nn.Linear(network.num_features, num_classes)

    def features_of(pixels):
        with torch.inference_mode():
            return network((pixels * 2 - 1).to(memory_format=torch.channels_last))

    if options.features_once:
        train, val = (table_of(options, loader, features_of) for loader in (train, val))
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-3)
    for _ in range(options.epochs):
        for inputs, labels in train:
            features = inputs if options.features_once else features_of(inputs)
            loss = torch.nn.functional.cross_entropy(head(features.clone()), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    right = total = 0
    with torch.inference_mode():
        for inputs, labels in val:
            features = inputs if options.features_once else features_of(inputs)
            right += int((head(features).argmax(1) == labels).sum())
            total += len(labels)
    print(json.dumps({"epochs": options.epochs, "val_accuracy": right / total}))


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backbone", default="efficientnet_v2_b0")
    parser.add_argument("--image-size-px", type=int, default=320)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--features-once", action="store_true")
    return parser.parse_args()


def loader_of(options, split):
    styles = sorted(folder.name for folder in (options.folder / split).iterdir())
    files = sorted(
        file for file in (options.folder / split).glob("*/*") if file.suffix.lower() in SUFFIXES
    )
    labels = [styles.index(file.parent.name) for file in files]
    return torch.utils.data.DataLoader(
        Images(files, labels, options.image_size_px),
        batch_size=options.batch_size,
        shuffle=split == "train",
        num_workers=torch.get_num_threads(),
    )


def table_of(options, loader, features_of):
    """Return a loader of features that are computed here, and their labels."""
    batches = [(features_of(pixels), labels) for pixels, labels in loader]
    features, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    table = torch.utils.data.TensorDataset(features.clone(), labels)
    return torch.utils.data.DataLoader(table, batch_size=options.batch_size, shuffle=True)


if __name__ == "__main__":
    main()
