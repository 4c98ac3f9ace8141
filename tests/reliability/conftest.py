"""Working folders with few images and a tiny network, and programs to kill in them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from forked_programs import ForkServer, fork_server
from results import TRAIN, training_result

CONFIG = """
data: {images: ../images, prepared: prepared, group_pattern: '^([^_]+)_', preparation_workers: 1,
       views: null}
model: {backbone: tiny, weights: null, image_size_px: 32, head: pooled, dropout: 0.2}
training:
  batch_size: 8
  linear_probe: {method: logistic, C: 4.0}
  label_smoothing: 0.0
  batch_norm: trained
  select_epoch_on: validation
  phases: [{unfreeze_blocks: 1, epochs: 1, learning_rate: 3e-3},
           {unfreeze_blocks: 2, epochs: 2, learning_rate: 1e-2},
           {unfreeze_blocks: all, epochs: 2, learning_rate: 1e-2}]
cross_validation: {num_folds: 2}
"""
STYLES = {"bold": 16, "fine": 16, "wide": 16}


@pytest.fixture(scope="session")
def server() -> Iterator[ForkServer]:
    with fork_server() as running:
        yield running


@pytest.fixture(scope="module")
def make_workplace(tmp_path_factory, write_images) -> Callable[[str], Path]:
    """Function (name) -> a new folder with a config; images are shared."""
    folder = tmp_path_factory.mktemp("reliability")
    write_images(folder / "images", STYLES)

    def make(name: str) -> Path:
        workplace = folder / name
        workplace.mkdir()
        (workplace / "config.yaml").write_text(CONFIG)
        return workplace

    return make


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory, write_images, server) -> Path:
    """Train the run of `finished` once for all test files."""
    folder = tmp_path_factory.mktemp("finished once")
    write_images(folder / "images", STYLES)
    workplace = folder / "finished"
    workplace.mkdir()
    (workplace / "config.yaml").write_text(CONFIG)
    ended = server.run("train-direct", *TRAIN, cwd=workplace)
    assert ended.code == 0, ended.err
    return workplace


@pytest.fixture(scope="module")
def finished(make_workplace, finished_once) -> Path:
    """A workplace with the finished run `run`; to be copied or only read."""
    workplace = make_workplace("finished")
    shutil.copytree(finished_once, workplace, dirs_exist_ok=True)
    return workplace


@pytest.fixture(scope="module")
def expected(finished):
    """Return the result of an uninterrupted training."""
    return training_result(finished)


@pytest.fixture
def copy_of_finished(finished, make_workplace, request) -> Path:
    workplace = finished.with_name(f"copy-{request.node.name[:60]}")
    shutil.copytree(finished, workplace)
    return workplace
