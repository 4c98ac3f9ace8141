from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys

import keras
import numpy as np
import pytest

import artstyle_tf.losses as losses

LABELS = np.repeat(np.arange(4), 6)
ROWS = (
    np.random.default_rng(0).normal(size=(24, 5)) + 0.6 * LABELS[:, None] * np.eye(5)[0]
).astype("float32")
EMBEDDING_LOSSES = sorted({*losses.__all__} - {"LogitAdjustedCrossEntropy"})


def network(outputs):
    return keras.Sequential([keras.Input((5,)), keras.layers.Dense(outputs)])


def loss_of(name):
    cls = getattr(losses, name)
    return cls(np.bincount(LABELS)) if name == "LogitAdjustedCrossEntropy" else cls()


def is_abstract(cls):
    methods = (cls.call, getattr(cls, "from_settings", None))
    return any(getattr(method, "__isabstractmethod__", False) for method in methods)


@pytest.mark.parametrize("name", losses.__all__)
def test_a_plain_keras_model_learns_with_it_and_is_saved_with_it(name, tmp_path, request):
    if name != "SemiHardTripletLoss":  # graphs of one of them are enough
        request.getfixturevalue("this_one_without_graphs")
    model = network(4)
    model.compile(keras.optimizers.Adam(0.02), loss_of(name))
    # Whole batches: what a row contributes to the loss depends on the others.
    history = model.fit(ROWS, LABELS, batch_size=24, epochs=15, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < history[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(loaded.loss).__name__ == name
    assert loaded.loss.get_config() == model.loss.get_config()
    found = loaded.evaluate(ROWS, LABELS, batch_size=24, verbose=0)
    np.testing.assert_allclose(found, model.evaluate(ROWS, LABELS, batch_size=24, verbose=0))


@pytest.mark.parametrize("name", EMBEDDING_LOSSES)
def test_labels_may_be_a_column_as_keras_makes_them(name):
    loss = loss_of(name)
    np.testing.assert_array_equal(loss(LABELS[:, None], ROWS), loss(LABELS, ROWS))


def test_the_public_names_are_all_losses_of_the_room():
    modules = [
        importlib.import_module(f"artstyle_tf.losses.{module.name}")
        for module in pkgutil.iter_modules(losses.__path__)
    ]
    found = {
        name
        for module in modules
        for name, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, keras.losses.Loss) and not is_abstract(cls)
    }
    assert found == set(losses.__all__)
    assert set(losses.__all__) <= set(dir(losses))
    assert all(inspect.isclass(getattr(losses, name)) for name in losses.__all__)
    with pytest.raises(AttributeError, match="no attribute 'EasyTripletLoss'"):
        losses.EasyTripletLoss  # noqa: B018


def test_importing_the_room_imports_no_keras():
    program = "import sys, artstyle_tf.losses; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
