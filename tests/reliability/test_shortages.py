"""No memory for a batch, vanishing images, a jumping clock, unwanted network access."""

from __future__ import annotations

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from forked_programs import HAS_CALLED
from results import TRAIN, check_as_uninterrupted, resume, training_result

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.os_errors import is_out_of_memory
from artstyle_tf.training.batch_memory import largest_that_fits, memory_errors_explained

NO_CACHE = ("training.trunk_cache.mode=never", "data.memory_budget_mb=0")


class HungryModel(keras.Model):
    """Model that has memory for a limited number of examples."""

    def __init__(self, room):
        super().__init__()
        self.room = room
        self.dense = keras.layers.Dense(3)

    @property
    def input_shape(self):
        return (None, 4)

    def call(self, inputs):
        return self.dense(inputs)

    def train_on_batch(self, inputs, labels):
        if len(inputs) > self.room:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")


@pytest.mark.parametrize(("room", "expected"), [(0, 0), (1, 1), (7, 4), (8, 8), (100, 16)])
def test_the_largest_batch_is_found_by_halving(room, expected):
    assert largest_that_fits(HungryModel(room), 32) == expected


def batches(_epoch):
    yield np.zeros((32, 4), np.float32), np.zeros(32, np.int32)


@pytest.mark.parametrize(
    ("room", "said"), [(5, r"training\.batch_size=4"), (0, "not even one image fits")]
)
def test_an_out_of_memory_error_names_a_batch_that_fits(room, said):
    with (
        pytest.raises(ArtstyleError, match=said) as caught,
        memory_errors_explained(HungryModel(room), batches, "top 2 blocks"),
    ):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
    assert "batches of 32 in the phase top 2 blocks" in str(caught.value)


def test_other_errors_are_not_about_memory():
    full = tf.errors.ResourceExhaustedError(None, None, "x; No space left on device")
    assert not is_out_of_memory(full)
    assert not is_out_of_memory(ValueError("memory"))
    with pytest.raises(ValueError, match="broken"), memory_errors_explained(None, batches, "a"):
        raise ValueError("broken")


# A step of learning that wants 16 TiB for each example when there are more than eight.
GREEDY_STEP = """
import keras, tensorflow as tf

step = keras.Model.train_step

def greedy(self, data):
    count = tf.shape(data[0], tf.int64)[0]
    much = lambda: tf.reduce_sum(tf.random.uniform([count, 2**42]))
    inputs = data[0] + tf.cond(count > 8, much, lambda: 0.0)
    return step(self, (inputs, *data[1:]))

keras.Model.train_step = greedy
"""


@pytest.mark.reliability
def test_a_training_without_memory_says_which_batch_fits(server, make_workplace):
    workplace = make_workplace("no memory")
    options = ("training.batch_size=32", *NO_CACHE)
    ended = server.run("train-direct", *TRAIN, *options, cwd=workplace, before=GREEDY_STEP)
    assert ended.code == 2, ended.err[-3000:]
    assert "There is not enough memory for batches of 32 in the phase" in ended.err
    assert "OOM when allocating tensor" in ended.err
    assert "training.batch_size=8" in ended.err
    assert "Traceback" not in ended.err
    options = ("training.batch_size=8", *NO_CACHE, "--run-name", "smaller")
    ended = server.run("train-direct", *TRAIN, *options, cwd=workplace, before=GREEDY_STEP)
    assert ended.code == 0, ended.err[-3000:]


@pytest.mark.reliability
def test_images_that_vanish_during_training(server, make_workplace):
    alone = make_workplace("all images stay")
    assert server.run("train-direct", *TRAIN, *NO_CACHE, cwd=alone).code == 0
    workplace = make_workplace("images vanish")
    program = server.start("train-direct", *TRAIN, *NO_CACHE, cwd=workplace)
    program.wait_for_message("Epoch 2/5")
    shutil.rmtree(workplace / "prepared" / "train")
    ended = program.wait()
    assert ended.code == 2, ended.err
    assert "A prepared image cannot be read any more" in ended.err
    assert "prepared/train" in ended.err
    assert "Traceback" not in ended.err
    ended = resume(server, workplace, more=NO_CACHE)
    check_as_uninterrupted(ended, workplace, training_result(alone))


@pytest.mark.reliability
def test_a_jump_of_the_clock_has_no_effect(server, make_workplace, expected):
    before = (
        "import datetime, random, time\n"
        "real, jump = time.time, random.Random(1)\n"
        "time.time = lambda: real() + jump.uniform(-1e8, 1e8)\n"
    )
    workplace = make_workplace("jumping clock")
    ended = server.run("train-direct", *TRAIN, cwd=workplace, before=before)
    check_as_uninterrupted(ended, workplace, expected)


@pytest.mark.reliability
def test_no_network_is_accessed(server, make_workplace):
    """Import and run everything; albumentations would query its newest version."""
    workplace = make_workplace("no network")
    options = ("data.upsampling={policy: strong}", "data.views={num_views: 2}")
    ended = server.run("train-direct", *TRAIN, *options, cwd=workplace)
    assert ended.code == 0, ended.err
    call = "import socket, contextlib\nwith contextlib.suppress(OSError):\n"
    call += "    socket.create_connection(('127.0.0.1', 9), timeout=1)\n"
    ended = server.run("prepare-data", "--config", "config.yaml", cwd=workplace, before=call)
    assert ended.code == HAS_CALLED  # the watch is awake
