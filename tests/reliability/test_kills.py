"""Programs are killed like by `kill -9`; the same command continues to the same result."""

from __future__ import annotations

import json
import os
import random
import time

import pytest
from results import (
    TRAIN,
    check_as_uninterrupted,
    files_of,
    leftovers,
    resume,
    training_result,
)

from artstyle_tf.system.npz_files import read_npz

pytestmark = pytest.mark.skipif(os.name == "nt", reason="forks and kills")

NUM_KILLS = 50
_ATTEMPTS_TO_KILL = 5


def kill_again_and_again(server, workplace, generator, verb, *options, kills, moments, run=None):
    """Start the same command repeatedly, and kill it after a random time in a range.

    Where it makes a run, whose folder is `run`, it is resumed once the folder is there.
    """
    for _ in range(kills):
        begun = ("--resume",) if run is not None and (workplace / run).exists() else ()
        program = server.start(verb, *options, *begun, cwd=workplace)
        time.sleep(generator.uniform(*moments))
        program.kill()
        program.wait()


@pytest.fixture(scope="module")
def seconds_of_training(finished):
    metrics = json.loads((finished / "outputs/models/run/metrics.json").read_text())
    return metrics["seconds"]["total"]


def test_a_killed_training_continues(server, make_workplace):
    """A short one, without graphs; the long suite kills longer ones, with graphs."""
    phases = [f"{{unfreeze_blocks: {n}, epochs: {n}, learning_rate: 1e-2}}" for n in (1, 2)]
    options = (*TRAIN, f"training.phases=[{', '.join(phases)}]", "report=false")
    eagerly = "import tensorflow as tf\ntf.config.run_functions_eagerly(True)"
    whole, workplace = make_workplace("short"), make_workplace("short and killed")
    ended = server.run("train-direct", *options, cwd=whole, before=eagerly)
    assert ended.code == 0, ended.err
    program = server.start("train-direct", *options, cwd=workplace, before=eagerly)
    program.wait_for_message("Epoch 2/3")
    program.kill()
    assert program.wait().code == -9
    ended = server.run("train-direct", *options, "--resume", cwd=workplace, before=eagerly)
    check_as_uninterrupted(ended, workplace, training_result(whole))


@pytest.mark.reliability
@pytest.mark.parametrize("said", ["Epoch 2/5", "Preparing images", "Evaluating"])
def test_a_killed_training_continues_to_the_same_result(said, server, make_workplace, expected):
    workplace = make_workplace(f"killed at {said.replace('/', ' of ')}")
    program = server.start("train-direct", *TRAIN, cwd=workplace)
    program.wait_for_message(said)
    program.kill()
    assert program.wait().code == -9
    check_as_uninterrupted(resume(server, workplace), workplace, expected)


@pytest.mark.reliability
def test_sigterm_is_an_interrupt(server, make_workplace, expected):
    workplace = make_workplace("asked to end")
    program = server.start("train-direct", *TRAIN, cwd=workplace)
    program.wait_for_message("Epoch 2/5")
    program.terminate()
    ended = program.wait()
    assert ended.code == 130
    assert "--resume continues" in ended.err
    state = json.loads((workplace / "outputs/models/run/run.json").read_text())["state"]
    assert state == "interrupted"
    check_as_uninterrupted(resume(server, workplace), workplace, expected)


@pytest.mark.reliability
@pytest.mark.parametrize("number", range(NUM_KILLS))
def test_fifty_kills_at_random_moments(
    number, server, make_workplace, expected, seconds_of_training
):
    moment = random.Random(number).uniform(0, seconds_of_training)
    for attempt in range(_ATTEMPTS_TO_KILL):
        workplace = make_workplace(f"kill {number} attempt {attempt}")
        program = server.start("train-direct", *TRAIN, cwd=workplace)
        time.sleep(moment)
        program.kill()
        killed = program.wait()
        if killed.code == -9:
            break
        moment *= 0.8  # the machine has become faster: the training was over
    assert killed.code == -9
    said = killed.err.splitlines()[-1:] or ["nothing"]
    print(f"killed after {moment:.1f} s; it had said last: {said[0][:60]}")
    check_as_uninterrupted(resume(server, workplace), workplace, expected)


@pytest.mark.reliability
def test_one_training_is_killed_again_and_again(server, make_workplace, expected):
    workplace = make_workplace("killed again and again")
    run, generator = "outputs/models/run", random.Random(1)
    kill_again_and_again(
        server, workplace, generator, "train-direct", *TRAIN, kills=8, moments=(0.5, 4), run=run
    )
    check_as_uninterrupted(resume(server, workplace), workplace, expected)


@pytest.mark.reliability
def test_kills_of_prepare_data(server, make_workplace, finished):
    workplace = make_workplace("prepared")
    options = ("--config", "config.yaml", "data.upsampling={policy: gentle, target_ratio: 4}")
    began = time.monotonic()
    whole = make_workplace("prepared at once")
    assert server.run("prepare-data", *options, cwd=whole).code == 0
    seconds, generator = time.monotonic() - began, random.Random(2)
    kill_again_and_again(
        server, workplace, generator, "prepare-data", *options, kills=10, moments=(0.2, seconds)
    )
    assert server.run("prepare-data", *options, cwd=workplace).code == 0
    assert files_of(workplace / "prepared") == files_of(whole / "prepared")
    assert leftovers(workplace) == []


@pytest.mark.reliability
def test_kills_of_cross_validate(server, make_workplace):
    whole, workplace = make_workplace("folds at once"), make_workplace("folds")
    began = time.monotonic()
    ended = server.run("cross-validate", *TRAIN, cwd=whole)
    assert ended.code == 0, ended.err
    seconds, generator = time.monotonic() - began, random.Random(3)
    run = "outputs/cross_validation/run"
    moments = (1, seconds)
    kill_again_and_again(
        server, workplace, generator, "cross-validate", *TRAIN, kills=4, moments=moments, run=run
    )
    ended = resume(server, workplace, "cross-validate", run)
    assert ended.code == 0 or "is finished" in ended.err, ended.err
    for name in ("folds.csv", "random/predictions.csv", "group/predictions.csv"):
        assert (workplace / run / name).read_text() == (whole / run / name).read_text()
    assert leftovers(workplace) == []


@pytest.mark.reliability
def test_kills_of_analyze_features(server, copy_of_finished, finished):
    options = ("--run", "outputs/models/run", "--run-name", "look", "--json", "classifiers=null")
    began = time.monotonic()
    assert server.run("analyze-features", *options, cwd=finished).code == 0
    seconds, generator = time.monotonic() - began, random.Random(4)
    moments = (0.5, seconds)
    kill_again_and_again(
        server, copy_of_finished, generator, "analyze-features", *options, kills=3, moments=moments
    )
    ended = server.run("analyze-features", *options, cwd=copy_of_finished)
    assert ended.code == 0 or "exists already" in ended.err, ended.err
    for name in ("images.csv", "label_errors.csv"):
        folder = "outputs/analyses/look"
        found = (copy_of_finished / folder / name).read_text()
        assert found == (finished / folder / name).read_text()


@pytest.mark.reliability
def test_kills_of_predict(server, copy_of_finished, finished):
    names = ("../images", "--run", "outputs/models/run", "batch_size=2")
    options = (*names, "--output", "answers.csv")
    began = time.monotonic()
    assert server.run("predict", *options, cwd=finished).code == 0
    seconds, generator = time.monotonic() - began, random.Random(5)
    moments = (0.5, seconds)
    kill_again_and_again(
        server, copy_of_finished, generator, "predict", *options, kills=5, moments=moments
    )
    ended = server.run("predict", *options, cwd=copy_of_finished)
    assert ended.code == 0 or "exists already" in ended.err, ended.err
    found = (copy_of_finished / "answers.csv").read_text()
    assert found == (finished / "answers.csv").read_text()
    assert leftovers(copy_of_finished) == []


TRIPLET_CONFIG = """
kind: triplet
data: {images: ../images, prepared: prepared, preparation_workers: 1, views: null}
model:
  {backbone: tiny, weights: null, image_size_px: 32, head: pooled, dropout: 0.2, dimension: 8}
training:
  batch: {classes: 3, images_per_class: 3}
  num_neighbors: 3
  phases: [{unfreeze_blocks: 1, epochs: 2, learning_rate: 1e-3, loss: semi_hard},
           {unfreeze_blocks: 2, epochs: 2, learning_rate: 1e-3, loss: batch_hard}]
  projection_init: {method: logistic, C: 4.0}
  loss: {margin: 0.2}
"""


@pytest.mark.reliability
def test_kills_of_train_triplet(server, make_workplace):
    whole, workplace = make_workplace("embedding at once"), make_workplace("embedding")
    for folder in (whole, workplace):
        (folder / "config.yaml").write_text(TRIPLET_CONFIG)
    ended = server.run("train-triplet", *TRAIN, cwd=whole)
    assert ended.code == 0, ended.err
    for said in ("Preparing images", "Epoch 1/4", "Epoch 3/4"):
        begun = ("--resume",) if (workplace / "outputs/models/run").exists() else ()
        program = server.start("train-triplet", *TRAIN, *begun, cwd=workplace)
        program.wait_for_message(said)
        program.kill()
        assert program.wait().code == -9
    ended = resume(server, workplace, "train-triplet")
    check_as_uninterrupted(ended, workplace, training_result(whole))
    gallery = "outputs/models/run/gallery.npz"
    found, wanted = read_npz(workplace / gallery), read_npz(whole / gallery)
    assert found.keys() == wanted.keys()
    assert all((found[name] == wanted[name]).all() for name in wanted)
