"""Progressive unfreezing of any Keras model: for each phase set trainable, compile, fit."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from pydantic import ValidationError

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.training.block_depths import BlockDepths
from artstyle_tf.training.callbacks.progressive_unfreezing import ProgressiveUnfreezing
from artstyle_tf.training.settings import PhaseConfig

_OF_THE_PLAN = ("x", "y", "epochs", "initial_epoch")
_OF_A_PHASE = ("unfreeze_blocks", "epochs", "learning_rate")

AnyPhase = PhaseConfig | Mapping[str, Any] | tuple[Any, ...]
"""Settings of a phase, or a dict of them, or (unfreeze_blocks, epochs, learning_rate)."""


def fit_progressively(
    model: keras.Model,
    data: Any,
    phases: Sequence[AnyPhase],
    *,
    loss: Any = None,
    metrics: Sequence[Any] | None = None,
    optimizer: Callable[[float], keras.optimizers.Optimizer] = keras.optimizers.AdamW,
    blocks: Sequence[str] | None = None,
    train_batch_norm: bool = False,
    monitor: str = "val_accuracy",
    callbacks: Sequence[keras.callbacks.Callback] = (),
    **fit_options: Any,
) -> keras.callbacks.History:
    """Train a Keras model phase by phase: first its head, then more and more blocks.

    Keras fixes the trainable variables at `compile`, so a callback that sets `trainable` changes
    nothing. Each phase sets what is trainable, compiles and fits with a new optimizer, as in
    a run: its moments would belong to other variables. Afterwards the model is compiled, and
    frozen, as in the last phase.

    Args:
        model: functional or sequential, with weights; nested models are supported.
        data: arrays (x, y) or (x, y, sample_weight), or anything that `model.fit` accepts: a
            `tf.data.Dataset`, a `keras.utils.PyDataset`, a generator.
        phases: in order, each a tuple (unfreeze_blocks, epochs, learning_rate), or a dict or
            `PhaseConfig`, which has `plateau_epochs`, too. `unfreeze_blocks` counts the trained
            blocks from the top; 0 for the head alone, "all" for the whole model.
        loss: of the model; None for loss, metrics and optimizer that it was compiled with. Then
            only the learning rate is that of the phase.
        metrics: of the model.
        optimizer: learning rate -> a new optimizer.
        blocks: prefixes of layer names that form one block each, from the input to the output, such
            as ["conv2_", "conv3_"]. None to find the blocks of an EfficientNet; in a model without
            such names every layer with weights is a block. The head is what comes after the last
            global pooling or `Flatten`; without one, what comes after the blocks.
        train_batch_norm: train BatchNormalization in unfrozen blocks. Otherwise, and in frozen
            blocks always, it stays in inference mode: small batches would ruin its statistics. In
            the head it is always trained.
        monitor: what should rise in a phase with `plateau_epochs`.
        callbacks: of `fit`. One that stops training, other than by the end of a phase, ends the
            whole plan.
        **fit_options: of `fit`, such as validation_data, batch_size, steps_per_epoch, verbose.

    Returns:
        One history of all phases; its epochs are counted through all phases, and history["phase"]
        is the number of the phase, from 0, of each epoch.

    Raises:
        ArtstyleError: if a phase, a name or an option cannot be used, or there is no loss.

    Example:
        ```python
        backbone = keras.applications.EfficientNetV2B0(include_top=False, pooling="avg")
        model = keras.Sequential([backbone, keras.layers.Dense(8)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adamw", loss, metrics=["accuracy"])
        history = fit_progressively(
            model, train_dataset, [(0, 5, 1e-3), (2, 5, 1e-4), ("all", 3, 1e-5)],
            validation_data=val_dataset,
        )
        pandas.DataFrame(history.history)
        ```

    Source: Howard and Ruder 2018, arXiv:1801.06146 (gradual unfreezing).
    """
    depths = BlockDepths(model, blocks)
    plan: list[Any] = [_checked_phase(phase, number, depths) for number, phase in enumerate(phases)]
    _check_options(plan, data, monitor, fit_options)
    if not hasattr(data, "__getitem__"):  # a stream, for which Keras would warn
        fit_options.setdefault("shuffle", False)
    compile_with = _compiler(model, loss, metrics, optimizer)
    unfreezing = ProgressiveUnfreezing(plan, monitor=monitor)
    history = keras.callbacks.History()
    history.history, history.epoch = {"phase": []}, []
    while unfreezing.phase is not None:
        phase: PhaseConfig = plan[unfreezing.position]
        depths.unfreeze(phase.unfreeze_blocks, train_batch_norm=train_batch_norm)
        compile_with(phase.learning_rate)
        part = model.fit(
            **_as_arguments(data),
            initial_epoch=unfreezing.epoch,
            epochs=unfreezing.last_epoch,
            callbacks=[unfreezing, *callbacks],
            **fit_options,
        )
        _append(history, part, unfreezing.position)
        if not unfreezing.phase_is_over:
            break  # another callback has stopped it
        unfreezing.advance()
    history.set_model(model)
    return history


def _checked_phase(phase: AnyPhase, number: int, depths: BlockDepths) -> PhaseConfig:
    try:
        if isinstance(phase, PhaseConfig):
            checked = phase
        elif isinstance(phase, Mapping):
            checked = PhaseConfig(**phase)
        else:
            checked = PhaseConfig(**dict(zip(_OF_A_PHASE, phase, strict=True)))
    except (ValidationError, TypeError, ValueError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        raise ArtstyleError(
            f"Phase {number} of the plan cannot be used",
            received=f"{phase!r}" + (f" ({first['loc'][0]}: {first['msg']})" if first else ""),
            expected=f"({', '.join(_OF_A_PHASE)}), for example (2, 5, 1e-4)",
        ) from error
    if checked.unfreeze_blocks != "all" and checked.unfreeze_blocks > len(depths.blocks):
        raise ArtstyleError(
            f"The model has only {len(depths.blocks)} blocks",
            received=f"unfreeze_blocks={checked.unfreeze_blocks} in phase {number}",
            expected=f"0 to {len(depths.blocks)}, or all",
        )
    return checked


def _check_options(
    plan: Sequence[PhaseConfig], data: Any, monitor: str, fit_options: dict[str, Any]
) -> None:
    if not plan:
        raise ArtstyleError("There are no phases", expected="for example [(0, 5, 1e-3)]")
    planned = [name for name in _OF_THE_PLAN if name in fit_options]
    if planned:
        raise ArtstyleError(
            "Epochs are set by the phases, and training data by `data`",
            received=", ".join(f"{name}=" for name in planned),
            fix="leave it out",
        )
    if inspect.isgenerator(data) and fit_options.get("steps_per_epoch") is None:
        raise ArtstyleError(
            "A generator does not define the length of an epoch",
            fix="give steps_per_epoch, and let the generator yield without end",
        )
    if "loss" in monitor and any(phase.plateau_epochs is not None for phase in plan):
        raise ArtstyleError(
            "A phase goes on while its monitor rises",
            received=f"monitor={monitor}",
            expected="a score, for example val_accuracy",
        )


def _compiler(
    model: keras.Model,
    loss: Any,
    metrics: Sequence[Any] | None,
    optimizer: Callable[[float], keras.optimizers.Optimizer],
) -> Callable[[float], None]:
    """Return a function that compiles the model with a new optimizer of a given learning rate."""
    if loss is not None:
        return lambda rate: model.compile(optimizer(rate), loss=loss, metrics=metrics)
    if not model.compiled:
        raise ArtstyleError(
            "The model has no loss",
            fix="call model.compile(optimizer, loss, metrics=...) first, or give loss=...",
        )
    config = model.get_compile_config()
    if isinstance(config["optimizer"], str):
        config["optimizer"] = keras.optimizers.serialize(keras.optimizers.get(config["optimizer"]))

    def compile_again(rate: float) -> None:
        config["optimizer"]["config"]["learning_rate"] = rate
        try:
            model.compile_from_config(config)
        except (TypeError, ValueError) as error:
            raise ArtstyleError(
                "The model cannot be compiled again as it was",
                received=str(error).splitlines()[0],
                fix="give loss=..., metrics=... and optimizer=... to this function, or register "
                "your own ones by keras.saving.register_keras_serializable",
            ) from error

    return compile_again


def _as_arguments(data: Any) -> dict[str, Any]:
    if isinstance(data, tuple):
        return dict(zip(("x", "y", "sample_weight"), data, strict=False))
    return {"x": data}


def _append(history: keras.callbacks.History, part: keras.callbacks.History, phase: int) -> None:
    history.epoch += part.epoch
    history.history["phase"] += [phase] * len(part.epoch)
    for name, values in part.history.items():
        history.history.setdefault(name, []).extend(values)
