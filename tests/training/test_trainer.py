from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
from some_phases import some_phase

from artstyle_tf.images.batches.batches import evaluation_batches, training_batches
from artstyle_tf.images.batches.epoch_order import ShuffledOrder
from artstyle_tf.models.network import build_classifier
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.finite_numbers import NotFiniteError
from artstyle_tf.training.objective import Classification
from artstyle_tf.training.settings import (
    EarlyStoppingConfig,
    FineTuningConfig,
    OptimizerConfig,
)
from artstyle_tf.training.trainer import Trainer, TrainingData

pytestmark = pytest.mark.usefixtures("without_graphs")


class ArrayStore:
    """Images in memory, with the interface of an ImageStore."""

    def __init__(self, images):
        import tensorflow as tf

        self._images = tf.constant(images)

    def __len__(self):
        return len(self._images)

    def load(self, number):
        return self._images[number]


def some_data(*, seed=5, batch_size=12):
    generator = np.random.default_rng(0)
    labels = np.arange(24) % 3
    images = generator.integers(0, 80, (24, 16, 16, 3)) + 80 * labels[:, None, None, None]
    store = ArrayStore(images.astype(np.uint8))
    order = ShuffledOrder(24, batch_size=batch_size, seed=seed)
    return TrainingData(
        batches_from=lambda epoch: training_batches(store, labels, order, first_epoch=epoch),
        steps_per_epoch=order.steps_per_epoch,
        validation_batches=evaluation_batches(store, labels, batch_size=batch_size),
    )


def some_plan(phases=None, **changes):
    phases = phases or [some_phase(0, 2, 0.01), some_phase(1, 2, 0.01), some_phase("all", 1, 0.01)]
    return FineTuningConfig(phases=tuple(phases), **changes)


def some_objective(**changes):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Classification(loss, num_classes=3, **changes)


@pytest.fixture
def make_trainer(make_trainer_in, tmp_path):
    def make(plan=None, *, folder=None, **options):
        return make_trainer_in(folder or tmp_path / "run", plan, **options)

    return make


@pytest.fixture(scope="module")
def make_trainer_in(tiny_backbone):
    def make(folder, plan=None, *, data=None, objective=None, saves=True):
        folder.mkdir(exist_ok=True)
        backbone = tiny_backbone(blocks=("block1a", "block2b"))
        classifier = build_classifier(backbone, num_classes=3, dropout=0.2, seed=1)
        trainer = Trainer(
            classifier,
            objective or some_objective(),
            plan or some_plan(),
            lambda position: data or some_data(),
            history_file=folder / "history.csv",
            resume_file=folder / "resume.npz",
            save_model=(lambda model: model.save(folder / "model.keras")) if saves else None,
        )
        return trainer, classifier

    return make


@pytest.fixture(scope="module")
def trained(make_trainer_in, tmp_path_factory):
    """Trainer, classifier and folder of the usual plan, trained once for all who only read them."""
    folder = tmp_path_factory.mktemp("trained")
    trainer, classifier = make_trainer_in(folder)
    trainer.train()
    return trainer, classifier, folder


@pytest.fixture(scope="module")
def trained_from_a_start(make_trainer_in, tmp_path_factory):
    """Trainer and classifier of the usual plan after a start that was scored."""
    trainer, classifier = make_trainer_in(tmp_path_factory.mktemp("trained from a start"))
    trainer.start_from("start", {"val_macro_f1": 0.1})
    trainer.train()
    return trainer, classifier


def weights_of(classifier):
    return [np.array(weight) for weight in classifier.model.weights]


def assert_same_weights(first, second):
    for one, other in zip(weights_of(first), weights_of(second), strict=True):
        np.testing.assert_array_equal(one, other)


def test_all_phases_are_trained_in_order_and_written_to_the_history(trained):
    history = pd.read_csv(trained[-1] / "history.csv")
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert history["phase"].tolist() == ["head"] * 2 + ["top 1 block"] * 2 + ["all blocks"]
    assert history[["loss", "val_loss", "macro_f1", "val_macro_f1"]].notna().all(axis=None)
    rates = history["learning_rate"]
    assert rates.is_monotonic_decreasing
    assert rates.iloc[-1] < 0.1 * rates.iloc[0]


def test_it_learns(make_trainer):
    plan = some_plan([some_phase("all", 10, 0.03)], batch_norm="trained")
    trainer, _ = make_trainer(plan)
    trainer.train()
    losses = trainer.history.table()["loss"]
    assert losses.iloc[-1] < 0.6 * losses.iloc[0]
    assert trainer.best.score > 0.8


def test_the_second_phase_moves_the_blocks_that_the_first_left_alone(make_trainer, monkeypatch):
    trainer, classifier = make_trainer(some_plan([some_phase(0, 1, 0.01)]))
    before = np.array(classifier.model.get_layer("block2b_conv").kernel)
    trainer.train()
    np.testing.assert_array_equal(before, classifier.model.get_layer("block2b_conv").kernel)
    trainer, classifier = make_trainer(some_plan([some_phase(0, 1, 0.01), some_phase(1, 1, 0.01)]))
    monkeypatch.setattr(trainer.best, "restore_best", lambda: None)
    trainer.train()
    assert not np.array_equal(before, classifier.model.get_layer("block2b_conv").kernel)


def test_the_best_weights_are_restored_and_on_disk(trained):
    trainer, classifier, folder = trained
    table = trainer.history.table()
    best = table.loc[table["val_macro_f1"].idxmax()]
    assert trainer.best.epoch == best["epoch"]
    assert trainer.best.score == pytest.approx(best["val_macro_f1"])
    saved = keras.models.load_model(folder / "model.keras", compile=False)
    for one, other in zip(saved.weights, classifier.model.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_best_model_is_saved_once_a_phase_and_at_once_at_first(make_trainer, monkeypatch):
    phases = [some_phase(0, 3, 0.01), some_phase(1, 3, 0.01)]
    trainer, classifier = make_trainer(some_plan(phases))
    scores = iter([0.1, 0.2, 0.3, 0.5, 0.4, 0.3])
    offer, saved = trainer.best.offer, []
    monkeypatch.setattr(trainer.best, "offer", lambda epoch, _: offer(epoch, next(scores)))
    monkeypatch.setattr(
        trainer.best, "_save", lambda model: saved.append((trainer.best.epoch, model.get_weights()))
    )
    trainer.train()
    assert [epoch for epoch, _ in saved] == [1, 3, 4]
    for one, other in zip(saved[-1][1], weights_of(classifier), strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_a_file_to_write_the_best_weights_are_restored_once_at_the_end(
    trained, make_trainer, tmp_path, monkeypatch
):
    """Another training with the same seed, whose weights are the same."""
    other, forgotten = make_trainer(folder=tmp_path / "forgotten", saves=False)
    restore_best, times = other.best.restore_best, []
    monkeypatch.setattr(other.best, "restore_best", lambda: times.append(restore_best()))
    other.train()
    assert len(times) == 1
    assert not (tmp_path / "forgotten" / "model.keras").exists()
    assert_same_weights(trained[1], forgotten)


def test_an_interrupted_training_leaves_its_best_model_on_disk(make_trainer, tmp_path, monkeypatch):
    trainer, _ = make_trainer(some_plan([some_phase(0, 3, 0.01)]))
    scores = iter([0.1, 0.2])
    offer, callbacks = trainer.best.offer, trainer._callbacks
    monkeypatch.setattr(trainer.best, "offer", lambda epoch, _: offer(epoch, next(scores)))
    monkeypatch.setattr(
        trainer, "_callbacks", lambda optimizer: [*callbacks(optimizer), _Interrupt(2)]
    )
    with pytest.raises(KeyboardInterrupt):
        trainer.train()
    saved = keras.models.load_model(tmp_path / "run" / "model.keras", compile=False)
    assert trainer.best.epoch == 2
    for one, other in zip(saved.get_weights(), trainer.best.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_probe_that_training_does_not_exceed_stays(make_trainer):
    trainer, classifier = make_trainer(some_plan([some_phase(0, 1, 0.01), some_phase(1, 1, 0.01)]))
    probe = weights_of(classifier)
    trainer.start_from("start", {"val_macro_f1": 1.0})
    trainer.train()
    assert trainer.best.epoch == 0
    assert trainer.history.table()["phase"].iloc[0] == "start"
    for one, other in zip(probe, weights_of(classifier), strict=True):
        np.testing.assert_array_equal(one, other)


class _Interrupt(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self._at == self._epoch and batch == 1:
            raise KeyboardInterrupt

    def on_epoch_begin(self, epoch, logs=None):
        self._at = epoch


@pytest.mark.parametrize(
    "interrupted_in_epoch",
    # In the first epoch of the next phase.
    [2, *(pytest.param(epoch, marks=pytest.mark.reliability) for epoch in (0, 1, 3, 4))],
)
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    make_trainer, trained_from_a_start, interrupted_in_epoch, monkeypatch
):
    whole, expected = trained_from_a_start
    broken, _ = make_trainer()
    broken.start_from("start", {"val_macro_f1": 0.1})
    callbacks = broken._callbacks
    monkeypatch.setattr(
        broken,
        "_callbacks",
        lambda optimizer: [*callbacks(optimizer), _Interrupt(interrupted_in_epoch)],
    )
    with pytest.raises(KeyboardInterrupt):
        broken.train()

    resumed, classifier = make_trainer()
    assert resumed.resume()
    resumed.train()
    assert_same_weights(classifier, expected)
    columns = ["epoch", "phase", "loss", "val_macro_f1", "learning_rate"]
    pd.testing.assert_frame_equal(resumed.history.table()[columns], whole.history.table()[columns])
    assert resumed.best.epoch == whole.best.epoch


def test_there_is_nothing_to_resume_before_the_first_epoch(make_trainer):
    trainer, _ = make_trainer()
    assert trainer.resume() is False


def test_a_damaged_resume_file_is_named(make_trainer, tmp_path):
    trainer, _ = make_trainer()
    (tmp_path / "run" / "resume.npz").write_bytes(b"not an archive")
    with pytest.raises(ArtstyleError, match=r"resume\.npz, cannot be read"):
        trainer.resume()


def test_patience_ends_the_whole_plan_with_a_message(make_trainer):
    trainer, _ = make_trainer(
        some_plan(
            [some_phase(0, 9, 1e-9), some_phase(1, 9, 1e-9)],
            early_stopping=EarlyStoppingConfig(patience_epochs=2),
        )
    )
    trainer.train()
    assert trainer.early_stopping.reason == "no better validation macro-F1 for 2 epochs"
    assert len(trainer.history.rows) == 3


def test_the_overfitting_gap_ends_the_plan(make_trainer):
    trainer, _ = make_trainer(
        some_plan(early_stopping=EarlyStoppingConfig(max_overfitting_gap=1e-9))
    )
    logs = {"loss": 0.5, "macro_f1": 0.9, "val_macro_f1": 0.7}
    trainer.early_stopping.set_model(keras.Sequential())
    trainer.early_stopping.on_epoch_end(0, logs)
    assert "0.200 above validation" in trainer.early_stopping.reason


class _Spoil(keras.callbacks.Callback):
    """Makes something NaN at the end of an epoch, as late as that: the logs are finite."""

    def __init__(self, spoil, epoch=1):
        super().__init__()
        self._spoil = spoil
        self._epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self._epoch:
            self._spoil(self.model, logs)


def _assign_nan(variable):
    variable.assign(np.full_like(keras.ops.convert_to_numpy(variable), np.nan))


SPOILERS = {
    "the loss": lambda model, logs: logs.update(loss=float("nan")),
    "the validation loss": lambda model, logs: logs.update(val_loss=float("inf")),
    "the validation macro-F1": lambda model, logs: logs.update(val_macro_f1=float("nan")),
    "weights": lambda model, logs: _assign_nan(model.trainable_variables[0]),
    "the optimizer's moments": lambda model, logs: _assign_nan(model.optimizer.variables[-1]),
}


def everything_saved_is_finite(folder):
    with np.load(folder / "resume.npz") as file:
        arrays = [file[name] for name in file.files if name != "header"]
    saved = keras.models.load_model(folder / "model.keras", compile=False).get_weights()
    return all(np.isfinite(array).all() for array in [*arrays, *saved])


@pytest.mark.parametrize(
    "what",
    [  # one of the logs, one of the network and one of the optimizer
        pytest.param(what, marks=pytest.mark.reliability) if "validation" in what else what
        for what in SPOILERS
    ],
)
def test_values_that_are_not_finite_end_training_and_are_never_saved(make_trainer, tmp_path, what):
    trainer, _ = make_trainer(some_plan([some_phase(0, 4, 0.01)]))
    trainer._objective.callbacks = lambda: [_Spoil(SPOILERS[what])]
    with pytest.raises(NotFiniteError, match=f"epoch 2 of 4 .*{what}.*smaller learning rate"):
        trainer.train()
    assert trainer.best.epoch == 1
    assert len(trainer.history.rows) == 1
    assert everything_saved_is_finite(tmp_path / "run")
    resumed, _ = make_trainer(some_plan([some_phase(0, 4, 0.01)]))
    assert resumed.resume()
    assert resumed.unfreezing.epoch == 1  # the last good one


def test_a_learning_rate_that_is_far_too_large_names_epoch_and_batch(make_trainer, tmp_path):
    settings = OptimizerConfig(warmup_fraction=0.0, clip_norm=None)
    trainer, _ = make_trainer(some_plan([some_phase("all", 3, 1e30)], optimizer=settings))
    with pytest.raises(
        NotFiniteError, match=r"epoch 1 of 3 \(all blocks\), batch 2: .* No weights were saved"
    ) as raised:
        trainer.train()
    assert "clip_norm=1" in str(raised.value)  # it is off here
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize("spoiled", ["weights", "score"])
def test_a_start_that_is_not_finite_is_refused(make_trainer, tmp_path, spoiled):
    trainer, classifier = make_trainer()
    if spoiled == "weights":
        _assign_nan(classifier.head.kernel)
    score = float("nan") if spoiled == "score" else 0.5
    with pytest.raises(NotFiniteError, match="epoch 0"):
        trainer.start_from("start", {"val_macro_f1": score})
    assert not (tmp_path / "run" / "model.keras").exists()
    assert not (tmp_path / "run" / "resume.npz").exists()


def test_a_resume_point_of_an_older_version_is_refused(make_trainer, tmp_path):
    trainer, _ = make_trainer()
    trainer.start_from("start", {"val_macro_f1": 0.5})
    file = tmp_path / "run" / "resume.npz"
    with np.load(file) as point:
        arrays = {name: point[name] for name in point.files}
    arrays["best_weights_00000"] = np.full_like(arrays["best_weights_00000"], np.inf)
    np.savez(file, **arrays)
    resumed, _ = make_trainer()
    with pytest.raises(NotFiniteError, match=r"has diverged\. .*best weights"):
        resumed.resume()


def test_a_plateau_ends_its_phase_and_the_next_one_begins(make_trainer):
    phases = [some_phase(0, 9, 1e-9, plateau_epochs=2), some_phase(1, 2, 1e-9)]
    trainer, _ = make_trainer(some_plan(phases))
    trainer.train()
    phase_names = trainer.history.table()["phase"].tolist()
    assert phase_names == ["head"] * 3 + ["top 1 block"] * 2


def test_the_moving_average_is_validated_and_saved(make_trainer):
    settings = OptimizerConfig(ema_momentum=0.9, warmup_fraction=0.0)
    trainer, classifier = make_trainer(some_plan([some_phase("all", 3, 0.02)], optimizer=settings))
    trainer.train()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.model.compile(loss=loss)
    saved = classifier.model.evaluate(some_data().validation_batches, verbose=0)
    rows = trainer.history.table().set_index("epoch")
    assert saved == pytest.approx(rows.loc[trainer.best.epoch, "val_loss"], rel=1e-4)


def test_class_weights_reach_the_loss(make_trainer):
    plain, _ = make_trainer(some_plan([some_phase(0, 1, 1e-9)]))
    plain.train()
    objective = some_objective(class_weight={0: 3, 1: 3, 2: 3})
    weighted, _ = make_trainer(some_plan([some_phase(0, 1, 1e-9)]), objective=objective)
    weighted.train()
    losses = [trainer.history.table()["loss"].iloc[0] for trainer in (plain, weighted)]
    assert losses[1] == pytest.approx(3 * losses[0], rel=1e-3)


def test_a_selected_number_of_epochs_is_trained_whatever_the_scores(make_trainer, tmp_path):
    """The start has a score that no epoch exceeds, and patience would end training after one."""
    plan = some_plan(early_stopping=EarlyStoppingConfig(patience_epochs=1))
    trainer, classifier = make_trainer(plan)
    trainer.start_from("start", {"val_macro_f1": 1.0})
    trainer.train(stop_after=3)
    assert [row["epoch"] for row in trainer.history.rows] == [0, 1, 2, 3]
    assert trainer.best.epoch == 3
    assert trainer.reason_to_stop is None
    saved = keras.models.load_model(tmp_path / "run" / "model.keras", compile=False)
    for weight, kept in zip(classifier.model.weights, saved.weights, strict=True):
        np.testing.assert_array_equal(np.array(weight), np.array(kept))


def test_a_selected_epoch_has_the_weights_of_that_epoch_of_the_whole_plan(make_trainer, tmp_path):
    plan = some_plan([some_phase(0, 1, 0.01), some_phase(1, 2, 0.01)])
    long, at_length = make_trainer(plan, folder=tmp_path / "long")
    long.best.keeps_last = True
    epochs = []
    long._further_callbacks = [
        keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: epochs.append(weights_of(at_length)))
    ]
    long.train()
    short, shortened = make_trainer(plan, folder=tmp_path / "short")
    short.train(stop_after=2)
    for weight, expected in zip(weights_of(shortened), epochs[1], strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_no_epoch_leaves_the_start(make_trainer):
    trainer, classifier = make_trainer()
    before = weights_of(classifier)
    trainer.start_from("start", {"val_macro_f1": 0.1})
    trainer.train(stop_after=0)
    assert trainer.best.epoch == 0
    for weight, expected in zip(weights_of(classifier), before, strict=True):
        np.testing.assert_array_equal(weight, expected)
