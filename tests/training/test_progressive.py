from __future__ import annotations

import keras
import numpy as np
import pytest

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.training.block_depths import BlockDepths
from artstyle_tf.training.callbacks.progressive_unfreezing import ProgressiveUnfreezing
from artstyle_tf.training.progressive import fit_progressively
from artstyle_tf.training.settings import PhaseConfig

LABELS = np.arange(12) % 3
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def images(seed=0):
    shape = (12, 16, 16, 3)
    return np.random.default_rng(seed).uniform(0, 255, shape).astype("float32")


def with_nested_backbone(tiny_backbone):
    """Build a model with a nested model, as with keras.applications."""
    backbone = tiny_backbone().model
    return keras.Sequential(
        [backbone, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3, name="logits")]
    )


def flat(tiny_backbone):
    backbone = tiny_backbone().model
    pooled = keras.layers.GlobalAveragePooling2D()(backbone.output)
    return keras.Model(backbone.input, keras.layers.Dense(3, name="logits")(pooled))


def small_cnn():
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, strides=4, name="first"),
            layers.BatchNormalization(name="first_bn"),
            layers.Conv2D(5, 3, name="second"),
            layers.Flatten(),
            layers.Dense(6, name="hidden"),
            layers.Dense(3, name="logits"),
        ]
    )


class Snapshots(keras.callbacks.Callback):
    """Trainable variables, and the weights, at the start and end of each phase."""

    def __init__(self):
        super().__init__()
        self.trainable, self.starts, self.ends, self.optimizers, self.rates = [], [], [], [], []

    def on_train_begin(self, logs=None):
        self.trainable.append({path_of(weight) for weight in self.model.trainable_weights})
        self.starts.append(values_of(self.model))
        self.optimizers.append(self.model.optimizer)
        self.rates.append(float(self.model.optimizer.learning_rate))

    def on_train_end(self, logs=None):
        self.ends.append(values_of(self.model))

    def moved(self, phase):
        start, end = self.starts[phase], self.ends[phase]
        return {path for path in start if np.abs(start[path] - end[path]).max() > 0}


def path_of(weight):
    return "/".join(weight.path.split("/")[-2:])


def values_of(model):
    return {path_of(weight): np.array(weight) for weight in model.weights}


def fit(model, phases, **options):
    snapshots = Snapshots()
    options = {"loss": LOSS, "metrics": ["accuracy"], "batch_size": 6, "verbose": 0, **options}
    callbacks = [snapshots, *options.pop("callbacks", [])]
    data = options.pop("data", (images(), LABELS))
    history = fit_progressively(model, data, phases, callbacks=callbacks, **options)
    return history, snapshots


HEAD = {"logits/kernel", "logits/bias"}
TOP = {"top_conv/kernel"}


@pytest.mark.parametrize("build", [with_nested_backbone, flat])
def test_each_phase_trains_what_it_should_and_nothing_else_moves(tiny_backbone, build, request):
    if build is flat:  # graphs of one of them are enough
        request.getfixturevalue("this_one_without_graphs")
    model = build(tiny_backbone)
    _, snapshots = fit(model, [(0, 1, 1e-2), (2, 2, 1e-3), ("all", 1, 1e-4)])
    two_blocks = HEAD | TOP | {"block2a_conv/kernel", "block2b_conv/kernel"}
    everything = two_blocks | {"block1a_conv/kernel", "stem_conv/kernel", "stem_conv/bias"}
    assert snapshots.trainable == [HEAD, two_blocks, everything]
    # Also no moving mean of a BatchNormalization: frozen ones stay in inference mode.
    assert [snapshots.moved(phase) for phase in range(3)] == [HEAD, two_blocks, everything]
    assert snapshots.rates == pytest.approx([1e-2, 1e-3, 1e-4])
    assert len({id(optimizer) for optimizer in snapshots.optimizers}) == 3
    assert snapshots.optimizers[1].iterations == 4  # steps of its phase only


@pytest.mark.usefixtures("this_one_without_graphs")
def test_batch_norm_is_trained_in_unfrozen_blocks_if_configured(tiny_backbone):
    model = with_nested_backbone(tiny_backbone)
    _, snapshots = fit(model, [(1, 1, 1e-2)], train_batch_norm=True)
    assert {"block2b_bn/gamma", "block2b_bn/moving_mean", "top_bn/beta"} <= snapshots.moved(0)
    assert "block2a_bn/moving_mean" not in snapshots.moved(0)


@pytest.mark.usefixtures("this_one_without_graphs")
def test_a_model_without_named_blocks_is_unfrozen_layer_by_layer():
    _, snapshots = fit(small_cnn(), [(0, 1, 1e-2), (1, 1, 1e-2), (2, 1, 1e-2)])
    head = HEAD | {"hidden/kernel", "hidden/bias"}
    one = head | {"second/kernel", "second/bias"}
    assert snapshots.trainable == [head, one, one | {"first/kernel", "first/bias"}]
    assert [snapshots.moved(phase) for phase in range(3)] == snapshots.trainable


@pytest.mark.usefixtures("this_one_without_graphs")
def test_blocks_can_be_named():
    model = small_cnn()
    _, snapshots = fit(model, [(1, 1, 1e-2)], blocks=["first"], train_batch_norm=True)
    assert "first_bn/gamma" in snapshots.moved(0)
    assert "first/kernel" in snapshots.moved(0)


@pytest.mark.usefixtures("this_one_without_graphs")
def test_layers_that_were_frozen_before_do_not_stay_so(tiny_backbone):
    model = with_nested_backbone(tiny_backbone)
    model.layers[0].trainable = False  # as every tutorial begins
    _, snapshots = fit(model, [(1, 1, 1e-2)])
    assert "block2b_conv/kernel" in snapshots.moved(0)


@pytest.mark.usefixtures("this_one_without_graphs")
def test_one_history_of_all_phases(tiny_backbone):
    history, _ = fit(
        with_nested_backbone(tiny_backbone),
        [(0, 2, 1e-2), {"unfreeze_blocks": 1, "epochs": 3, "learning_rate": 1e-3}],
        validation_data=(images(1), LABELS),
    )
    assert isinstance(history, keras.callbacks.History)
    assert history.epoch == [0, 1, 2, 3, 4]
    assert history.history["phase"] == [0, 0, 1, 1, 1]
    assert set(history.history) == {"phase", "loss", "accuracy", "val_loss", "val_accuracy"}
    assert all(len(values) == 5 for values in history.history.values())


@pytest.mark.usefixtures("this_one_without_graphs")
@pytest.mark.parametrize("optimizer", ["sgd", keras.optimizers.SGD(5.0, momentum=0.9)])
def test_a_compiled_model_keeps_its_loss_and_optimizer_but_for_the_learning_rate(
    tiny_backbone, optimizer
):
    model = with_nested_backbone(tiny_backbone)
    model.compile(optimizer, LOSS, metrics=["accuracy"])
    history, snapshots = fit(model, [(0, 1, 1e-2), (1, 1, 1e-3)], loss=None, metrics=None)
    assert snapshots.rates == pytest.approx([1e-2, 1e-3])
    assert {type(optimizer).__name__ for optimizer in snapshots.optimizers} == {"SGD"}
    assert {"loss", "accuracy"} <= set(history.history)
    assert snapshots.optimizers[1].momentum == (0.9 if not isinstance(optimizer, str) else 0.0)


@pytest.mark.usefixtures("this_one_without_graphs")
def test_data_may_be_a_dataset_or_a_generator():
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((images(), LABELS)).batch(6)
    history, _ = fit(small_cnn(), [(0, 1, 1e-2), (1, 1, 1e-2)], data=dataset, batch_size=None)
    assert len(history.epoch) == 2

    def batches():
        while True:
            yield images(), LABELS

    options = {"steps_per_epoch": 2, "batch_size": None}
    history, _ = fit(small_cnn(), [(0, 1, 1e-2), (1, 2, 1e-2)], data=batches(), **options)
    assert len(history.epoch) == 3


@pytest.mark.usefixtures("this_one_without_graphs")
def test_sample_weights_count():
    weights = np.zeros(12, "float32")
    _, snapshots = fit(
        small_cnn(),
        [(0, 1, 1e-2)],
        data=(images(), LABELS, weights),
        optimizer=keras.optimizers.SGD,  # it stands still without a gradient; AdamW decays
    )
    assert snapshots.moved(0) == set()


class Logs(keras.callbacks.Callback):
    """Callback that adds a score that rises once and then stays constant."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_accuracy"] = min(epoch, 1) / 2


@pytest.mark.usefixtures("this_one_without_graphs")
def test_a_phase_ends_on_a_plateau_and_the_next_one_begins():
    plateau = {"unfreeze_blocks": 0, "epochs": 9, "learning_rate": 1e-2, "plateau_epochs": 2}
    model = small_cnn()
    unfreezing = ProgressiveUnfreezing([PhaseConfig(**plateau)], monitor="val_accuracy")
    model.compile("sgd", LOSS)  # with the callback alone
    model.fit(images(), LABELS, epochs=9, callbacks=[Logs(), unfreezing], verbose=0)
    assert unfreezing.epoch == 4
    assert unfreezing.phase_is_over
    history, _ = fit(
        small_cnn(), [plateau, (1, 2, 1e-3)], monitor="flat", metrics=[Flat(name="flat")]
    )
    assert history.history["phase"] == [0, 0, 0, 1, 1]


class Flat(keras.metrics.Metric):
    """Callback that adds a constant score."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        pass

    def result(self):
        return keras.ops.convert_to_tensor(0.5)


@pytest.mark.usefixtures("this_one_without_graphs")
def test_a_plateau_of_what_is_not_measured_is_an_error():
    phase = {"unfreeze_blocks": 0, "epochs": 3, "learning_rate": 1e-2, "plateau_epochs": 1}
    with pytest.raises(ArtstyleError, match=r"not measured.*val_accuracy.*accuracy, loss"):
        fit(small_cnn(), [phase])
    with pytest.raises(ArtstyleError, match="monitor=val_loss"):
        fit(small_cnn(), [phase], monitor="val_loss")


class StopAfter(keras.callbacks.Callback):
    """Callback that stops training after an epoch."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == 1


@pytest.mark.usefixtures("this_one_without_graphs")
def test_another_callback_that_stops_ends_the_whole_plan():
    history, _ = fit(small_cnn(), [(0, 3, 1e-2), (1, 3, 1e-2)], callbacks=[StopAfter()])
    assert history.history["phase"] == [0, 0]


@pytest.mark.parametrize(
    ("phases", "options", "message"),
    [
        ([], {}, "no phases"),
        ([(0, 1)], {}, r"Phase 0.*\(0, 1\).*unfreeze_blocks, epochs, learning_rate"),
        ([(0, 1, 1e-3), (1, 0, 1e-3)], {}, "Phase 1.*epochs"),
        ([(0, 1, -1.0)], {}, "Phase 0.*learning_rate"),
        ([{"unfreeze_block": 0}], {}, "Phase 0.*unfreeze_block"),
        ([(3, 1, 1e-3)], {}, "only 2 blocks.*unfreeze_blocks=3"),
        ([(0, 1, 1e-3)], {"epochs": 3}, "epochs="),
        ([(0, 1, 1e-3)], {"loss": None, "metrics": None}, "no loss.*compile"),
        ([(0, 1, 1e-3)], {"blocks": ["third"]}, "'third'.*first"),
        ([(0, 1, 1e-3)], {"data": (x for x in ())}, "generator.*steps_per_epoch"),
    ],
)
def test_bad_arguments_are_named(phases, options, message):
    with pytest.raises(ArtstyleError, match=message):
        fit(small_cnn(), phases, **options)


def test_bad_models_are_named():
    with pytest.raises(ArtstyleError, match="no weights yet"):
        BlockDepths(keras.Sequential([keras.layers.Dense(3)]))
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="same")])
    outer = keras.Sequential([inner, keras.layers.Dense(4, name="same")])
    with pytest.raises(ArtstyleError, match=r"same name.*same"):
        BlockDepths(outer)
