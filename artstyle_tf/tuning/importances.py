"""Which parameters mattered, whichever engine has proposed the trials."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from artstyle_tf.tuning.optuna_conversion import distribution_of
from artstyle_tf.tuning.search_space import SearchSpace
from artstyle_tf.tuning.trial_records import TrialRecord

FEWEST_TRIALS = 4


def parameter_importances(
    records: Sequence[TrialRecord], space: SearchSpace, *, seed: int
) -> dict[str, float]:
    """Share of the variance of macro-F1 that each parameter explains by itself.

    Pruned trials count with their last value: leaving out the bad ones would hide what made them
    bad.

    Args:
        records: of any state.
        space: that they are from.
        seed: of the random forest.

    Returns:
        Key -> share, greatest first; a conditional parameter, which some trials lack, is left out.
        Empty for too few trials, or if all have the same value.

    Source: Hutter et al. 2014, "An efficient approach for assessing hyperparameter importance"
    (functional ANOVA).
    """
    judged = [(record, score_of(record)) for record in records]
    known = [(record, score) for record, score in judged if score is not None]
    if len(known) < FEWEST_TRIALS or len({score for _, score in known}) < 2:
        return {}
    import optuna

    study = optuna.create_study(direction="maximize")
    distributions = {parameter.key: distribution_of(parameter) for parameter in space.parameters}
    for record, score in known:
        tokens = {key: space[key].token_of(value) for key, value in record.values.items()}
        study.add_trial(
            optuna.create_trial(
                value=score,
                params=tokens,
                distributions={key: distributions[key] for key in tokens},
            )
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {key: float(share) for key, share in found.items()}


def score_of(record: TrialRecord) -> float | None:
    """Macro-F1 of a trial; of a pruned one the last that it reported."""
    if record.state == "complete":
        return record.scores["macro_f1"]
    if record.state == "pruned" and record.steps:
        return record.steps[max(record.steps)]
    return None
