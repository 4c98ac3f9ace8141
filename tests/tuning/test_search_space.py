from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.tuning.search_space import (
    Parameter,
    SearchSpace,
    different_entries,
    digest_of,
)

HEAD = Parameter("head", "categorical", choices=("pooled", "style", {"kind": "both"}))
WIDTH = Parameter("width", "int", low=8, high=32, step=8, when={"head": ("style",)})
ROOT = Parameter("root", "categorical", choices=(True, False), when={"width": (16, 24)})


def draw(space, **tokens):
    return space.draw(lambda parameter: tokens[parameter.key])


def test_conditions_decide_what_is_drawn_whatever_the_order():
    for parameters in ([ROOT, WIDTH, HEAD], [HEAD, WIDTH, ROOT]):
        space = SearchSpace(parameters)
        assert draw(space, head="pooled") == {"head": "pooled"}
        assert draw(space, head="style", width=8) == {"head": "style", "width": 8}
        assert set(draw(space, head="style", width=16, root=True)) == {"head", "width", "root"}


def test_circles_are_refused():
    other = Parameter("a", "int", low=0, high=1, when={"b": (1,)})
    with pytest.raises(ArtstyleError, match=r"cannot be resolved.*a, b"):
        SearchSpace([other, Parameter("b", "int", low=0, high=1, when={"a": (1,)})])


@settings(max_examples=40)
@given(st.lists(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)))
def test_a_choice_of_any_kind_comes_back(choices):
    distinct = [choice for i, choice in enumerate(choices) if choice not in choices[:i]]
    parameter = Parameter("key", "categorical", choices=distinct)
    if len(set(map(repr, parameter.tokens))) < len(distinct):
        return  # a text that looks like the JSON of another choice
    for choice in distinct:
        assert parameter.value_of(parameter.token_of(choice)) == choice
        assert isinstance(parameter.token_of(choice), str | int | bool | None)


def test_all_values():
    assert WIDTH.all_values() == [8, 16, 24, 32]
    assert Parameter("rate", "float", low=0.1, high=0.2).all_values() is None
    assert HEAD.all_values() == ["pooled", "style", {"kind": "both"}]


def test_a_description_tells_what_has_changed_and_nothing_else():
    space = SearchSpace([HEAD, WIDTH])
    known = {"space": space.describe(), "seed": 1, "model.head": "pooled"}
    same = {"space": SearchSpace([WIDTH, HEAD]).describe(), "seed": 1, "model.head": "pooled"}
    assert different_entries(known, same) == []
    assert digest_of(known) == digest_of(same)
    wider = Parameter("width", "int", low=8, high=64, step=8, when={"head": ("style",)})
    other = {"space": SearchSpace([HEAD, wider]).describe(), "seed": 2, "model.head": "pooled"}
    assert different_entries(known, other) == ["space.width", "seed"]


def test_importances_find_the_parameter_that_matters():
    from artstyle_tf.tuning.importances import parameter_importances
    from artstyle_tf.tuning.trial_records import TrialRecord

    rate = Parameter("rate", "float", low=1e-4, high=1e-2, log=True)
    idle = Parameter("idle", "categorical", choices=([1], [2]))
    generator = np.random.default_rng(0)
    records = []
    for number in range(40):
        value = float(10 ** generator.uniform(-4, -2))
        score = 0.8 - 0.1 * (np.log10(value) + 3) ** 2
        pruned = number % 4 == 0
        records.append(
            TrialRecord(
                number,
                "pruned" if pruned else "complete",
                {"rate": value, "idle": [int(generator.integers(1, 3))]},
                scores={} if pruned else {"macro_f1": score},
                steps={1: 0.0, 2: score},
            )
        )
    space = SearchSpace([rate, idle])
    found = parameter_importances(records, space, seed=1)
    assert next(iter(found)) == "rate"
    assert found["rate"] > 0.8
    assert sum(found.values()) == pytest.approx(1.0)
    assert parameter_importances(records[:3], space, seed=1) == {}
