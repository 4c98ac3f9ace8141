"""A trial in a process that has served others reports what it reports in a process of its own."""

from __future__ import annotations

import json

import pytest
from patience import HUNG_SECONDS

from artstyle_tf.config.loading import validate
from artstyle_tf.images.prepare_data import index_and_split, prepare
from artstyle_tf.models.weights import weights_digest
from artstyle_tf.system.progress import SILENT
from artstyle_tf.training.traced_phases import describe_step
from artstyle_tf.tuning.kept_network import network_for
from artstyle_tf.tuning.settings import TUNE_EXPERIMENTS
from artstyle_tf.tuning.study_plan import base_experiment, trial_config
from artstyle_tf.tuning.trial_life import ProcessLimits, TrialPrunedError
from artstyle_tf.tuning.trial_processes import ONE_TRIAL, TrialProcesses
from artstyle_tf.tuning.trial_records import StudyImages
from artstyle_tf.tuning.trial_training import train_trial
from artstyle_tf.tuning.tune import PRELOADED

RATE, BLOCKS, BATCH, DECAY, POLICY = (
    "training.phases.0.learning_rate",
    "training.phases.0.unfreeze_blocks",
    "training.batch_size",
    "training.optimizer.weight_decay",
    "data.views.policy",
)
TWO_PHASES = [
    {"unfreeze_blocks": 0, "epochs": 1, "learning_rate": 1e-2},
    {"unfreeze_blocks": 1, "epochs": 1, "learning_rate": 1e-3},
]
# (values, step after which the trial is pruned)
DIRECT_TRIALS = [
    ({}, None),
    ({RATE: 1e-2}, None),
    ({RATE: 3e-3, BATCH: 16}, 1),  # leaves `fit` by an exception
    ({RATE: 3e-3, BATCH: 16, DECAY: 0.5}, None),
    ({DECAY: 0.0, POLICY: "gentle"}, None),
    ({BLOCKS: 2}, None),
    ({"training.phases": TWO_PHASES}, None),
    ({"training.optimizer.ema_momentum": 0.5}, None),
    ({"training.optimizer.ema_momentum": 0.5, RATE: 1e-2}, None),
    ({"model.dropout": 0.5}, None),
    ({}, None),
]
TRIPLET_TRIALS = [({}, None), ({RATE: 1e-2}, None), ({"training.loss": {"margin": 0.4}}, None)]


def trial_of(kind, folder, **changes):
    """Return the experiment that trials change."""
    content = {
        "kind": kind,
        "outputs": str(folder / "outputs"),
        "data": {
            "images": str(folder / "images"),
            "prepared": str(folder / "prepared"),
            "preparation_workers": 1,
            "near_duplicates": "ignore",
            "views": {"num_views": 2, "policy": "flip"},
        },
        "model": {
            "backbone": "compact", "weights": None, "image_size_px": 32, "head": "pooled"
        },
        "training": {
            "phases": [{"unfreeze_blocks": 1, "epochs": 2, "learning_rate": 1e-3}],
            "trunk_cache": {"runtime": "keras", "mode": "always"},
        },
        "tuning": {"space": {RATE: {"type": "float", "low": 1e-4, "high": 1e-2}}},
    }  # fmt: skip
    if kind == "direct":
        content["training"] |= {"batch_size": 8, "linear_probe": None}
    else:
        content["training"]["phases"][0]["loss"] = "semi_hard"
    config = validate(TUNE_EXPERIMENTS[kind], content, source="a test")
    return trial_config(base_experiment(config), changes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_images):
    """Folder with images of two styles."""
    folder = tmp_path_factory.mktemp("kept")
    write_images(folder / "images", {"bold": 16, "fine": 16})
    return folder


@pytest.fixture(scope="module")
def images(folder):
    """The images of all trials, prepared."""
    data = trial_of("direct", folder).data
    index, table = index_and_split(data, SILENT)
    return StudyImages(prepare(data, index, table, SILENT), table, index.class_names)


class WatchedLink:
    """The link of a trial, which also notes the network's weights after each epoch."""

    def __init__(self, link):
        self.kept, self._link, self.digests = link.kept, link, []

    def report(self, step, value):
        _, kept = self.kept["network"]
        self.digests.append(weights_digest(kept.network.model))
        self._link.report(step, value)


def train_and_watch(job, link):
    """Train a trial; return what it reports with the digests of its weights after each epoch."""
    watched = WatchedLink(link)
    try:
        result = train_trial(job, watched)
        assert result.pop("training_seconds") > 0
    except TrialPrunedError:
        result = {"pruned": True}
    return {**result, "digests": watched.digests}


def run_trials(processes, kind, trials, folder, images):
    """Return what each trial reports and returns, as text with all digits."""
    objective = validate(
        TUNE_EXPERIMENTS[kind],
        {"kind": kind, "tuning": {"space": {RATE: {"type": "float", "low": 1e-4, "high": 1e-2}}}},
        source="a test",
    ).tuning.objective
    reported = []
    for number, (values, pruned_after) in enumerate(trials):
        config = trial_of(kind, folder, **values)
        job = (config, objective, images, pruned_after is None)
        processes.start(number, f"{__name__}:train_and_watch", job)
        messages = []
        while number in processes.running:
            for event in processes.events(HUNG_SECONDS):
                if event.kind == "report":
                    processes.answer(number, prune=event.content[0] == pruned_after)
                messages.append(json.dumps([event.kind, event.content]))
        reported.append(messages)
    return reported


@pytest.mark.parametrize(
    ("kind", "trials"), [("direct", DIRECT_TRIALS), ("triplet", TRIPLET_TRIALS)]
)
def test_a_trial_after_others_reports_the_same_to_the_digit(kind, trials, folder, images, tmp_path):
    reported = []
    for limits in (ONE_TRIAL, ProcessLimits(len(trials), None)):
        processes = TrialProcesses(
            1,
            preload=PRELOADED,
            log_file=tmp_path / "trials.log",
            num_threads=1,
            limits=limits,
        )
        try:
            reported.append(run_trials(processes, kind, trials, folder, images))
        finally:
            processes.stop()
    alone, after_others = reported
    assert after_others == alone
    results = [json.loads(messages[-1]) for messages in alone]
    assert [kind for kind, _ in results] == ["done"] * len(trials)
    assert [result.get("pruned") for _, result in results] == [step and True for _, step in trials]
    trained = {tuple(result["digests"]) for _, result in results}
    assert len(trained) == len({str(trial) for trial in trials})  # each in another way


def test_a_network_is_kept_for_the_same_model_only(folder):
    kept = {}
    first = network_for(trial_of("direct", folder), kept, num_classes=2)
    before = first.network.model.get_weights()
    for weight in first.network.model.weights:
        weight.assign(weight + 1)
    again = network_for(trial_of("direct", folder, **{BLOCKS: 2}), kept, num_classes=2)
    assert again is first
    for restored, value in zip(first.network.model.get_weights(), before, strict=True):
        assert (restored == value).all()
    for changes in ({"seed": 7}, {"model.dropout": 0.5}, {"data.aspect": "pad"}):
        other = network_for(trial_of("direct", folder, **changes), kept, num_classes=2)
        assert other is not first
        assert len(kept) == 1


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({RATE: 1e-2}, True),
        ({BATCH: 16}, True),
        ({DECAY: 0.5}, True),
        ({"training.phases.0.epochs": 5}, True),
        ({DECAY: 0.0}, False),
        ({BLOCKS: 2}, False),
        ({"training.optimizer.clip_norm": None}, False),
        ({"training.batch_norm": "trained"}, False),
        ({"training.class_balance": "class_weight"}, False),
    ],
)
def test_what_a_traced_step_depends_on(folder, changes, is_same):
    import keras

    def described(config):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return describe_step(config.training, config.training.phases[0], 1, loss, [])

    plain, changed = trial_of("direct", folder), trial_of("direct", folder, **changes)
    assert (described(changed) == described(plain)) is is_same


def test_another_loss_is_another_step(folder):
    import keras

    training = trial_of("direct", folder).training
    losses = [
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=False),
        keras.losses.MeanSquaredError(),
    ]
    assert len({describe_step(training, training.phases[0], 1, loss, []) for loss in losses}) == 3
