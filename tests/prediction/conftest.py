"""Two tiny exports, direct and triplet, and servers that serve them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

CLASS_NAMES = ("Cubism", "Surréalisme", "photo")
SIZE_PX = 16
MODEL_NAMES = ("direct", "triplet")


@pytest.fixture(autouse=True)
def _seeded():
    """Not for each test: a seed makes TensorFlow prepare its functions anew, 0.2 s each time."""


@pytest.fixture(scope="session")
def images() -> list[bytes]:
    """Encode files of several formats and sizes."""
    generator = np.random.default_rng(0)
    files = []
    for number, kind in enumerate(("PNG", "JPEG", "PNG", "BMP", "JPEG")):
        shape = (20 + 3 * number, 31 - 4 * number, 3)
        buffer = io.BytesIO()
        pixels = generator.integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(buffer, format=kind)
        files.append(buffer.getvalue())
    return files


@dataclass(frozen=True)
class Export:
    """A SavedModel and its outputs for `images`, computed without a server."""

    name: str
    folder: Path
    saved_model: Path
    loaded: Any
    expected: dict[str, np.ndarray]
    class_names: tuple[str, ...] = CLASS_NAMES
    size_px: int = SIZE_PX


@pytest.fixture(scope="session")
def exports(tmp_path_factory, images, name_tiny_network) -> dict[str, Export]:
    import tensorflow as tf

    from artstyle_tf.export.saved_model import write_saved_model
    from artstyle_tf.export.settings import ExportExperiment
    from artstyle_tf.trunk_cache.frozen_graph import freeze

    with pytest.MonkeyPatch.context() as patch:
        name_tiny_network(patch)
        runs = {"direct": _direct_run(), "triplet": _triplet_run()}
    exports = {}
    for name, run in runs.items():
        folder = tmp_path_factory.mktemp(name)
        saved_model = write_saved_model(
            run,
            freeze(run.network),
            folder / "saved_model",
            max_pixels=ExportExperiment().max_pixels,
        )
        loaded = tf.saved_model.load(str(saved_model))
        outputs = loaded.signatures["serving_default"](image_bytes=tf.constant(images))
        expected = {output: _text(value.numpy()) for output, value in outputs.items()}
        exports[name] = Export(name, folder, saved_model, loaded, expected)
    return exports


@pytest.fixture(scope="session", params=MODEL_NAMES)
def export(request, exports) -> Export:
    return exports[request.param]


def _text(values: np.ndarray) -> np.ndarray:
    return np.char.decode(values.astype(bytes), "utf-8") if values.dtype == object else values


def _backbone():
    import keras

    from artstyle_tf.models.backbone import build_backbone

    keras.utils.set_random_seed(7)
    return build_backbone("tiny", image_size_px=SIZE_PX, weights=None)


def _direct_run():
    from artstyle_tf.metrics.calibration import Calibration
    from artstyle_tf.models.network import build_classifier
    from artstyle_tf.runs.served_run import ServedRun, network_of

    classifier = build_classifier(_backbone(), num_classes=3, dropout=0.0, seed=1)
    return ServedRun(
        name="direct",
        load_network=lambda: network_of(classifier.model),
        class_names=CLASS_NAMES,
        image_size_px=SIZE_PX,
        aspect="squash",
        max_side_px=None,
        calibration=Calibration(0.2, target_accuracy=0.95, threshold=0.4, coverage=0.5),
    )


def _triplet_run():
    from artstyle_tf.models.network import build_embedding_model
    from artstyle_tf.runs.gallery import Gallery
    from artstyle_tf.runs.served_run import ServedRun

    model = build_embedding_model(_backbone(), dimension=8, dropout=0.0, seed=1).model
    pixels = np.random.default_rng(1).uniform(0, 255, (7, SIZE_PX, SIZE_PX, 3))
    gallery = Gallery(
        embeddings=np.asarray(model(pixels.astype(np.float32), training=False)),
        labels=np.array([0, 1, 2, 0, 1, 2, 1], np.int32),
        ids=np.array([f"id{number}" for number in range(7)]),
        paths=np.array([f"train/é/{number}.png" for number in range(7)]),
    )
    return ServedRun(
        name="triplet",
        load_network=lambda: model,
        class_names=CLASS_NAMES,
        image_size_px=SIZE_PX,
        aspect="crop",
        max_side_px=None,
        calibration=None,
        gallery=gallery,
        num_neighbors=3,
    )


@dataclass(frozen=True)
class Server:
    """A running server of `export`, over one protocol."""

    url: str
    export: Export
    behavior: object


@pytest.fixture(scope="session")
def _servers(exports) -> Iterator[dict[tuple[str, str], Server]]:
    from serving_twin import Behavior, GrpcTwin, RestTwin, ServedModel

    running, servers = [], {}
    for name, export in exports.items():
        behavior = Behavior()
        model = ServedModel(name, export.saved_model, behavior, export.loaded)
        for protocol, kind in (("rest", RestTwin), ("grpc", GrpcTwin)):
            running.append(kind(model))
            servers[protocol, name] = Server(running[-1].url, export, behavior)
    yield servers
    for server in running:
        server.stop()


@pytest.fixture
def server_of(_servers) -> Callable[[str, str], Server]:
    """Function (protocol, model name) -> server that responds correctly."""
    for server in _servers.values():
        server.behavior.reset()
    return lambda protocol, name: _servers[protocol, name]


@pytest.fixture
def server(server_of) -> Server:
    """The one with a gallery."""
    return server_of("rest", "triplet")


@pytest.fixture
def open_for():
    """Function (server, **options) -> client that is closed afterwards."""
    from hostile_http import open_client

    clients = []

    def open_(server: Server, **options):
        options = {"model_name": server.export.name, "timeout_seconds": 60, "retries": 0} | options
        clients.append(open_client(server.url, **options))
        return clients[-1]

    yield open_
    for client in clients:
        client.close()
