from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_parameters import parameter

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.tuning.search_space import (
    SearchSpace,
    different_entries,
    digest_of,
)

HEAD = parameter("categorical", choices=("pooled", "style", {"kind": "both"}))
WIDTH = parameter("int", low=8, high=32, step=8, when={"head": ("style",)})
ROOT = parameter("categorical", choices=(True, False), when={"width": (16, 24)})

SCALARS = st.none() | st.booleans() | st.integers() | st.text()


def draw(space, **tokens):
    return space.draw(lambda key, _: tokens[key])


def test_conditions_decide_what_is_drawn_whatever_the_order():
    parameters = {"root": ROOT, "width": WIDTH, "head": HEAD}
    for order in (list(parameters), list(parameters)[::-1]):
        space = SearchSpace({key: parameters[key] for key in order})
        assert draw(space, head="pooled") == {"head": "pooled"}
        assert draw(space, head="style", width=8) == {"head": "style", "width": 8}
        assert set(draw(space, head="style", width=16, root=True)) == {"head", "width", "root"}


def test_circles_are_refused():
    one = parameter("int", low=0, high=1, when={"b": (1,)})
    other = parameter("int", low=0, high=1, when={"a": (1,)})
    with pytest.raises(ArtstyleError, match=r"cannot be resolved.*a, b"):
        SearchSpace({"a": one, "b": other})


@settings(max_examples=40)
@given(st.lists(st.recursive(SCALARS, st.lists, max_leaves=5), min_size=1, max_size=8))
def test_choices_of_any_kind_survive_the_conversion_to_tokens(choices):
    distinct = [choice for i, choice in enumerate(choices) if choice not in choices[:i]]
    searched = parameter("categorical", choices=tuple(distinct))
    if len(set(map(repr, searched.tokens))) < len(distinct):
        return  # a text that looks like the JSON of another choice
    for choice in distinct:
        assert searched.value_of(searched.token_of(choice)) == choice
        assert isinstance(searched.token_of(choice), str | int | bool | None)


def test_all_values():
    assert list(WIDTH.all_values()) == [8, 16, 24, 32]
    assert parameter("float", low=0.1, high=0.2).all_values() is None
    assert list(HEAD.all_values()) == ["pooled", "style", {"kind": "both"}]


def test_descriptions_differ_in_what_has_changed_only():
    space = SearchSpace({"head": HEAD, "width": WIDTH})
    known = {"space": space.describe(), "seed": 1, "model.head": "pooled"}
    same = {
        "space": SearchSpace({"width": WIDTH, "head": HEAD}).describe(),
        "seed": 1,
        "model.head": "pooled",
    }
    assert different_entries(known, same) == []
    assert digest_of(known) == digest_of(same)
    wider = parameter("int", low=8, high=64, step=8, when={"head": ("style",)})
    other = {
        "space": SearchSpace({"head": HEAD, "width": wider}).describe(),
        "seed": 2,
        "model.head": "pooled",
    }
    assert different_entries(known, other) == ["space.width", "seed"]


def test_importances_find_the_important_parameter():
    from artstyle_tf.tuning.optuna_conversion import parameter_importances
    from artstyle_tf.tuning.trial_records import TrialRecord

    rate = parameter("float", low=1e-4, high=1e-2, log=True)
    idle = parameter("categorical", choices=([1], [2]))
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
    space = SearchSpace({"rate": rate, "idle": idle})
    found = parameter_importances(records, space, seed=1)
    assert next(iter(found)) == "rate"
    assert found["rate"] > 0.8
    assert sum(found.values()) == pytest.approx(1.0)
    assert parameter_importances(records[:3], space, seed=1) == {}
