"""Training on cached activations through the command line: the same model in less time."""

from __future__ import annotations

import contextlib
import io
import json
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from artstyle_tf.cli.main import main
from artstyle_tf.training.callbacks.epoch_logs import HistoryLog

CONFIG = """
report: false
data:
  images: images
  prepared: prepared
  preparation_workers: 1
  views: {num_views: 3, policy: gentle, seed: 5}
model: {backbone: tiny, weights: null, image_size_px: 32, head: pooled, dropout: 0.2}
training:
  tensorboard: false
  batch_size: 8
  linear_probe: null
  label_smoothing: 0.0
  select_epoch_on: validation
  phases: [{unfreeze_blocks: 1, epochs: 10, learning_rate: 1e-3}]
  trunk_cache: {dtype: float32, runtime: keras}
"""


STYLES = {"bold": 21, "fine": 21, "wide": 14}
TEN_EPOCHS = {
    "plain": ["training.trunk_cache.mode=never"],
    "cached": [],
    "half": ["training.trunk_cache.dtype=float16", "training.trunk_cache.folder=half_precision"],
}
"""Runs that several tests read -> what is different from the config."""
FEW_STEPS = "training.batch_size=20"
"""For trainings whose steps take long, or whose number does not matter."""


@pytest.fixture(scope="module")
def trained_once(first_workplace):
    with first_workplace(STYLES, {"config.yaml": CONFIG}, graphs=True) as folder:
        for name, different in TEN_EPOCHS.items():
            options = ["--config", "config.yaml", "--run-name", name, "--json", *different]
            out, heard = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(heard):
                assert main(options, verb="train-direct") == 0
            answer = {**json.loads(out.getvalue()), "heard": heard.getvalue()}
            Path(f"{name}.json").write_text(json.dumps(answer))
    return folder


@pytest.fixture
def trained(trained_once, enter_copy, tiny_network_by_name):
    """Name of a run of ten epochs -> as `train` returns it, in a folder of this test."""
    enter_copy(trained_once)
    return {name: json.loads(Path(f"{name}.json").read_text()) for name in TEN_EPOCHS}


@pytest.fixture
def workplace(enter_workplace):
    return enter_workplace(CONFIG, STYLES)


@pytest.fixture
def train(workplace, capsys):
    """Function (name, *arguments) -> the JSON of the run, with the messages under "heard"."""

    return partial(train_here, capsys)


def train_here(capsys, name, *arguments):
    options = ["--config", "config.yaml", "--run-name", name, "--json"]
    assert main([*options, *arguments], verb="train-direct") == 0
    captured = capsys.readouterr()
    return {**json.loads(captured.out), "heard": captured.err}


def phases(*unfrozen, epochs=1):
    plan = ", ".join(
        f"{{unfreeze_blocks: {blocks}, epochs: {epochs}, learning_rate: 1e-3}}"
        for blocks in unfrozen
    )
    return f"training.phases=[{plan}]"


def weights_of(result):
    model = keras.models.load_model(result["model"], compile=False)
    return {weight.path: np.array(weight) for weight in model.weights}


def largest_relative_difference(first, second):
    one, other = weights_of(first), weights_of(second)
    assert one.keys() == other.keys()
    return max(
        np.abs(one[key] - other[key]).max() / max(np.abs(one[key]).max(), 1e-6) for key in one
    )


def history_of(result):
    return pd.read_csv(Path(result["run"]) / "history.csv")


def test_fifty_steps_on_cached_activations_equal_plain_training(trained):
    plain, cached = trained["plain"], trained["cached"]
    assert "Not using the trunk cache: training.trunk_cache.mode is never" in plain["heard"]
    assert cached["trunk_cache"]["use"]
    assert plain["best_epoch"] == cached["best_epoch"]
    assert largest_relative_difference(plain, cached) < 1e-4
    np.testing.assert_allclose(
        history_of(plain)["loss"].iloc[-1], history_of(cached)["loss"].iloc[-1], rtol=1e-4
    )
    # Weights that agree within 1e-4 give probabilities that agree as far.
    assert plain["test"] == pytest.approx(cached["test"], rel=1e-4)


@pytest.mark.usefixtures("this_one_without_graphs")
def test_the_fastest_runtime_trains_as_keras_does(train, shipped_runtimes):
    """Uses OpenVINO where it is installed; the rows of Keras are in another table."""
    options = [FEW_STEPS, "training.phases.0.epochs=2", "training.linear_probe={balanced: true}"]
    slow = train("keras", *options)
    another = "training.trunk_cache.folder=another"
    fast = train("fast", *options, another, "training.trunk_cache.runtime=auto")
    assert fast["trunk_cache"]["use"]
    assert "is not used" not in fast["heard"]
    assert "cannot run" not in fast["heard"]
    assert list(Path("another").rglob("*.npy"))
    assert largest_relative_difference(slow, fast) < 1e-3


@pytest.mark.reliability  # as the next one, whose rows have more than a pooled top
@pytest.mark.usefixtures("this_one_without_graphs")
@pytest.mark.parametrize("plan", [(0, 1, 2), (2, 1), (1, "all")])
def test_every_plan_gives_the_same_with_and_without_the_cache(train, plan):
    options = [FEW_STEPS, "training.linear_probe={balanced: true}", phases(*plan)]
    plain = train("plain", *options, "training.trunk_cache.mode=never")
    cached = train("cached", *options, "training.trunk_cache.mode=always")
    assert largest_relative_difference(plain, cached) < 1e-3
    columns = ["epoch", "phase", "val_macro_f1"]
    pd.testing.assert_frame_equal(history_of(plain)[columns], history_of(cached)[columns])


@pytest.mark.usefixtures("this_one_without_graphs")
def test_a_style_head_learns_the_same_with_and_without_the_cache(train):
    options = [
        "model.head=style",
        FEW_STEPS,
        "model.style={blocks: [block1a, block2b], width: 4}",
        "training.linear_probe={balanced: true}",
        phases(0, 2),
    ]
    plain = train("plain", *options, "training.trunk_cache.mode=never")
    cached = train("cached", *options, "training.trunk_cache.mode=always")
    assert largest_relative_difference(plain, cached) < 1e-3
    columns = ["epoch", "phase", "val_macro_f1"]
    pd.testing.assert_frame_equal(history_of(plain)[columns], history_of(cached)[columns])
    started = weights_of(train("start", *options[:4], "training.phases=[]"))
    moved = {key for key, value in weights_of(cached).items() if (value != started[key]).any()}
    assert {"block1a_style/projection", "block2b_style/projection"} <= moved
    assert not any(key.startswith(("stem", "block1a_conv")) for key in moved)


def test_half_precision_predicts_the_same_styles(trained):
    first, second = (
        pd.read_csv(Path(trained[name]["run"]) / "validation" / "predictions.csv")
        for name in ("plain", "half")
    )
    assert (first["prediction"] == second["prediction"]).mean() >= 0.995
    np.testing.assert_allclose(first["confidence"], second["confidence"], atol=0.01)


@pytest.mark.usefixtures("this_one_without_graphs")
def test_the_second_run_computes_nothing_that_is_cached(trained, capsys):
    first = trained["cached"]
    assert "forward passes through the frozen blocks instead of" in first["heard"]
    assert "Frozen blocks on" in first["heard"]
    different = ["training.phases.0.epochs=1", "model.dropout=0"]
    second = train_here(capsys, "second", *different)
    assert "everything is cached already" in second["heard"]
    assert "Frozen blocks on" not in second["heard"]
    environment = json.loads((Path(second["run"]) / "environment.json").read_text())
    assert environment["trunk_cache"] == second["trunk_cache"]


@pytest.mark.usefixtures("this_one_without_graphs")
@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (["data.views=null", "data.online_augmentation=flip"], "online augmentation"),
        *(  # of the same decision, whose reasons tests/trunk_cache/test_cache_decision.py has
            pytest.param(overrides, reason, marks=pytest.mark.reliability)
            for overrides, reason in (
                # And of that of test_a_plain_run_stays_plain_when_it_is_resumed.
                (["training.trunk_cache.size_limit_gb=1e-6"], "there is room for"),
                (["training.batch_norm=trained"], "BatchNormalization is trained"),
                ([phases("all")], "no phase leaves blocks frozen"),
                (["data.views.num_views=99"], "it would take"),
            )
        ),
    ],
)
def test_where_the_cache_does_not_help_training_is_plain(train, overrides, reason):
    result = train("run", FEW_STEPS, "training.phases.0.epochs=1", *overrides)
    assert not result["trunk_cache"]["use"]
    assert f"Not using the trunk cache: {reason}" in result["heard"]
    assert not Path("outputs/trunk_cache").exists()


def test_scores_of_a_cached_run_are_those_of_the_saved_model(trained, capsys):
    run = trained["half"]
    for split, name in (("val", "validation"), ("test", "test")):
        options = ["--run", run["run"], f"split={split}", "--json", "--quiet"]
        assert main(options, verb="evaluate") == 0
        assert json.loads(capsys.readouterr().out)["metrics"] == run[name]


@pytest.fixture
def interrupt_in_epoch_2(monkeypatch, capsys):
    """Function (*arguments): trains until Ctrl-C is pressed, and returns what was said."""
    add = HistoryLog.add

    def interrupting(self, epoch, values):
        if epoch == 2:
            raise KeyboardInterrupt
        add(self, epoch, values)

    def run(*arguments):
        with monkeypatch.context() as patch:
            patch.setattr(HistoryLog, "add", interrupting)
            assert main(["--config", "config.yaml", *arguments], verb="train-direct") == 130
        return capsys.readouterr().err

    return run


@pytest.mark.usefixtures("this_one_without_graphs")
def test_an_interrupted_run_ends_as_it_would_have(train, interrupt_in_epoch_2):
    options = [FEW_STEPS, "training.linear_probe={balanced: true}", phases(0, 1, 2)]
    whole = train("whole", *options)
    interrupt_in_epoch_2("--run-name", "broken", *options)
    resumed = train("broken", *options, "--resume")
    assert largest_relative_difference(whole, resumed) == 0
    assert resumed["validation"] == whole["validation"]


@pytest.mark.usefixtures("this_one_without_graphs")
def test_a_plain_run_stays_plain_when_it_is_resumed(train, interrupt_in_epoch_2):
    limited, short = "training.trunk_cache.size_limit_gb=1e-6", "training.phases.0.epochs=2"
    heard = interrupt_in_epoch_2("--run-name", "run", short, FEW_STEPS, limited)
    assert "Not using the trunk cache: there is room for" in heard
    assert not Path("outputs/trunk_cache").exists()
    run = Path("outputs/models/run")
    config = (run / "config.yaml").read_text().replace("1.0e-06", "20.0")
    (run / "config.yaml").write_text(config)  # as if the disk had been tidied up
    assert not train("run", short, FEW_STEPS, "--resume")["trunk_cache"]["use"]


def test_the_cache_is_shown_and_cleared(trained, capsys):
    def trunk_cache(*arguments):
        exit_code = main(list(arguments), verb="trunk-cache")
        return exit_code, *capsys.readouterr()

    shown = json.loads(trunk_cache("--json")[1])
    boundaries = {(table["boundary"], table["dtype"]) for table in shown["tables"]}
    assert boundaries == {("block2a_add", "float32"), ("pooled", "float32")}
    first, second = (table["key"] for table in shown["tables"])
    exit_code, out, _ = trunk_cache()
    assert exit_code == 0
    assert first in out
    assert second in out
    exit_code, _, error = trunk_cache("--clear", "nothing")
    assert exit_code == 2
    assert f"Expected: all, or one of {first}, {second}" in error
    assert "Would remove" in trunk_cache("--clear", "all", "--dry-run")[1]
    assert len(json.loads(trunk_cache("--json")[1])["tables"]) == 2
    assert f"Removed: {first}" in trunk_cache("--clear", first)[1]
    assert f"Removed: {second}" in trunk_cache("--clear", "all")[1]
    assert json.loads(trunk_cache("--json")[1])["tables"] == []
    assert "outputs/trunk_cache is empty" in trunk_cache()[1]
