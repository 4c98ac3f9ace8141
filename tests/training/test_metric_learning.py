"""Metric learning through the real trainer, on a tiny network."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
from some_phases import some_phase

from artstyle_tf.images.batches.balanced_batches import BalancedOrder
from artstyle_tf.images.batches.batches import training_batches
from artstyle_tf.losses.settings import MetricLossConfig
from artstyle_tf.losses.triplet_losses import build_metric_loss
from artstyle_tf.models.network import build_embedding_model, copy_backbone_weights
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.finite_numbers import NotFiniteError
from artstyle_tf.training.callbacks.collapse_guard import CollapseGuard
from artstyle_tf.training.callbacks.embedding_scores import EmbeddingScores, LabeledImages
from artstyle_tf.training.metric_learning import MetricLearning
from artstyle_tf.training.settings import CollapseGuardConfig, FineTuningConfig
from artstyle_tf.training.trainer import Trainer, TrainingData

pytestmark = pytest.mark.usefixtures("without_graphs")

LABELS = np.arange(24) % 3
PARENTS = np.arange(24).astype(str)
IMAGES = (
    np.random.default_rng(0).integers(0, 80, (24, 16, 16, 3)) + 80 * LABELS[:, None, None, None]
).astype(np.uint8)


class ArrayStore:
    """Images in memory, with the interface of an ImageStore."""

    def __init__(self):
        import tensorflow as tf

        self._images = tf.constant(IMAGES)

    def __len__(self):
        return len(IMAGES)

    def load(self, number):
        return self._images[number]


def some_data(position):
    del position
    order = BalancedOrder(LABELS, classes_per_batch=3, images_per_class=4, seed=3)
    store = ArrayStore()
    return TrainingData(
        batches_from=lambda epoch: training_batches(store, LABELS, order, first_epoch=epoch),
        steps_per_epoch=order.steps_per_epoch,
        validation_batches=None,
    )


def some_loss(name="semi_hard", margin=0.2):
    return build_metric_loss(name, MetricLossConfig(margin=margin))


def some_scores(network, labels=LABELS, parents=PARENTS):
    known = LabeledImages(labels, parents)

    def embed(split):
        return network.model.predict_on_batch(IMAGES.astype(np.float32))

    return EmbeddingScores(
        embed,
        train=known,
        val=known,
        validation_batches=BalancedOrder(
            labels, classes_per_batch=3, images_per_class=4, seed=3
        ).draw(0)[0],
        num_classes=3,
        num_neighbors=3,
    )


@pytest.fixture
def make_trainer(tiny_backbone, tmp_path):
    def make(phases=None, *, folder="run", losses=None):
        folder = tmp_path / folder
        folder.mkdir(exist_ok=True)
        backbone = tiny_backbone(blocks=("block1a", "block2b"))
        network = build_embedding_model(backbone, dimension=8, dropout=0.0, seed=1)
        guard = CollapseGuard(network.model, CollapseGuardConfig(), num_classes=3)
        phases = phases or [some_phase(1, 2, 0.005), some_phase("all", 2, 0.005)]
        objective = MetricLearning(
            losses or [some_loss() for _ in phases],
            cautious_loss=some_loss(),
            scores=some_scores(network),
            guard=guard,
        )
        trainer = Trainer(
            network,
            objective,
            FineTuningConfig(phases=tuple(phases)),
            some_data,
            history_file=folder / "history.csv",
            resume_file=folder / "resume.npz",
            save_model=lambda model: model.save(folder / "model.keras"),
        )
        objective.start()
        return trainer, network, objective

    return make


def weights_of(network):
    return [np.array(weight) for weight in network.model.weights]


def test_it_trains_and_writes_its_logs(make_trainer, tmp_path):
    trainer, network, objective = make_trainer([some_phase("all", 5, 0.02)])
    start = objective.start()
    trainer.train()
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    numbers = ["loss", "val_loss", "macro_f1", "val_macro_f1", "mean_distance", "active_triplets"]
    assert history[[*numbers, "embedding_rank"]].notna().all(axis=None)
    assert history["val_loss"].iloc[-1] < 0.5 * start_loss(history)
    assert trainer.best.score >= start["val_macro_f1"]
    lengths = np.linalg.norm(network.model.predict_on_batch(IMAGES.astype(np.float32)), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)
    loaded = keras.models.load_model(tmp_path / "run" / "model.keras", compile=False)
    assert loaded.output_shape == (None, 8)


def start_loss(history):
    return max(history["val_loss"].iloc[0], 0.05)


def test_each_phase_has_its_loss(make_trainer):
    losses = [some_loss("semi_hard", 0.2), some_loss("batch_hard", None)]
    trainer, _, objective = make_trainer(losses=losses)
    trainer.train()
    assert [objective.loss(position) for position in (0, 1)] == losses
    assert objective._guard.margin is None


def test_an_image_never_votes_for_itself_or_a_copy_of_itself(tiny_backbone):
    network = build_embedding_model(tiny_backbone(), dimension=8, dropout=0.0, seed=1)
    generator = np.random.default_rng(0)
    labels = generator.permutation(LABELS)
    honest = some_scores(network, labels).measure()
    # Twelve originals with a copy each: copies lie where the originals do.
    parents = np.repeat(np.arange(12), 2).astype(str)
    copies = IMAGES[np.repeat(np.arange(12), 2)]
    scores = some_scores(network, np.repeat(labels[:12], 2), parents)
    scores._embed = lambda split: network.model.predict_on_batch(copies.astype(np.float32))
    assert scores.measure()["macro_f1"] < 0.8
    assert honest["macro_f1"] < 0.8


@pytest.fixture
def sabotaged(make_trainer, monkeypatch):
    """Function (epochs, **options) -> trainer whose embedding collapses in these epochs."""

    def make(epochs, **options):
        trainer, network, objective = make_trainer(**options)

        class Saboteur(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                if epoch in epochs:
                    network.head.kernel.assign(np.zeros_like(network.head.kernel))
                    network.head.bias.assign(np.ones_like(network.head.bias))

        ours = objective.callbacks
        monkeypatch.setattr(objective, "callbacks", lambda: [Saboteur(), *ours()])
        return trainer, network, objective

    return make


def test_a_collapsed_epoch_is_undone_and_the_phase_continues(sabotaged, tmp_path):
    phases = [some_phase(1, 3, 0.005), some_phase("all", 1, 0.005)]
    losses = [some_loss("batch_hard"), some_loss("batch_hard")]
    trainer, network, objective = sabotaged({1}, phases=phases, losses=losses)
    trainer.train()
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert history["alarm"].notna().tolist() == [False, True, False, False]
    assert history["mean_distance"].iloc[1] < 0.01
    assert history["mean_distance"].iloc[2] > 0.14  # twice what the guard expects
    assert type(objective.loss(0)).__name__ == "SemiHardTripletLoss"
    assert trainer.best.epoch != 2
    assert not np.allclose(network.head.kernel, 0)
    # The cosine goes on where it would have been, at half the height.
    undisturbed, _, _ = sabotaged(set(), phases=phases, folder="undisturbed")
    undisturbed.train()
    rates = history["learning_rate"] / undisturbed.history.table()["learning_rate"]
    np.testing.assert_allclose(rates.iloc[[0, 1, 2]], [1, 1, 0.5], rtol=1e-4)


def test_it_gives_up_after_too_many_collapses(sabotaged, tmp_path):
    trainer, network, _ = sabotaged(set(range(10)), phases=[some_phase(1, 10, 0.005)])
    before = weights_of(network)
    trainer.train()
    assert "collapsed 5 times" in trainer.reason_to_stop
    assert len(trainer.history.table()) == 5
    for one, other in zip(before, weights_of(network), strict=True):
        np.testing.assert_array_equal(one, other)


class _Interrupt(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self._epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self._epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "interrupted_at",
    [2, *(pytest.param(epoch, marks=pytest.mark.reliability) for epoch in (1, 3))],
)
def test_a_run_with_a_collapse_resumes_to_the_same_weights(
    sabotaged, monkeypatch, tmp_path, interrupted_at
):
    phases = [some_phase(1, 3, 0.005), some_phase("all", 1, 0.005)]
    whole, network, _ = sabotaged({1}, phases=phases, folder="whole")
    whole.train()
    broken, _, objective = sabotaged({1}, phases=phases, folder="broken")
    ours = objective.callbacks
    objective.callbacks = lambda: [_Interrupt(interrupted_at), *ours()]
    with pytest.raises(KeyboardInterrupt):
        broken.train()
    resumed, again, _ = sabotaged({1}, phases=phases, folder="broken")
    assert resumed.resume()
    resumed.train()
    for one, other in zip(weights_of(network), weights_of(again), strict=True):
        np.testing.assert_array_equal(one, other)
    table, expected = (
        trainer.history.table().drop(columns="seconds") for trainer in (resumed, whole)
    )
    pd.testing.assert_frame_equal(table, expected)


def test_a_network_that_overflows_is_an_alarm_and_no_crash(make_trainer):
    trainer, network, objective = make_trainer([some_phase("all", 2, 0.005)])
    ours = objective.callbacks
    objective.callbacks = lambda: [_Overflow(network, {1}), *ours()]
    trainer.train()
    alarms = trainer.history.table()["alarm"]
    assert alarms.notna().tolist() == [False, True]
    assert "not finite" in alarms[1]
    assert np.isfinite(network.head.kernel).all()


def test_a_network_that_always_overflows_ends_with_an_error(make_trainer, tmp_path):
    trainer, network, objective = make_trainer([some_phase("all", 9, 0.005)])
    ours = objective.callbacks
    objective.callbacks = lambda: [_Overflow(network, set(range(9))), *ours()]
    trainer.start_from("projection", objective.start())
    with pytest.raises(NotFiniteError, match=r"epoch 5 of 9 .*The weights of the start .*saved"):
        trainer.train()
    assert trainer.history.table()["alarm"].notna().sum() == 4
    saved = keras.models.load_model(tmp_path / "run" / "model.keras", compile=False)
    assert all(np.isfinite(weights).all() for weights in saved.get_weights())


def test_a_network_that_overflows_without_a_guard_ends_the_training(make_trainer):
    trainer, network, objective = make_trainer([some_phase("all", 2, 0.005)])
    objective._guard = None
    ours = objective.callbacks
    objective.callbacks = lambda: [_Overflow(network, {0}), *ours()]
    with pytest.raises(NotFiniteError, match=r"epoch 1 of 2 .*the embedding is not finite"):
        trainer.train()


class _Overflow(keras.callbacks.Callback):
    def __init__(self, network, epochs):
        super().__init__()
        self._head = network.head
        self._epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        if epoch in self._epochs:
            for variable in (self._head.kernel, self.model.optimizer.variables[-1]):
                variable.assign(np.full_like(np.asarray(variable), np.nan))


def test_the_backbone_of_a_trained_network_is_copied(tiny_backbone):
    trained = build_embedding_model(tiny_backbone(), dimension=4, dropout=0.0, seed=1)
    for variable in trained.backbone.model.weights:
        variable.assign(np.asarray(variable) + 1.0)
    fresh = tiny_backbone()
    copy_backbone_weights(trained.model, fresh, origin="a run")
    for one, other in zip(trained.backbone.model.weights, fresh.model.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ArtstyleError, match="has another backbone"):
        copy_backbone_weights(trained.model, tiny_backbone(32), origin="a run")
