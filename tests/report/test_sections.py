from __future__ import annotations

import dataclasses
import re
from collections import Counter
from importlib import resources

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_facts import STYLES, make_facts, make_further, make_judged, make_results
from sklearn.metrics import confusion_matrix

from artstyle_tf.report.run_facts import FurtherResults, confusions
from artstyle_tf.report.scales import Scale
from artstyle_tf.report.sections.comparison import comparison, is_of_run
from artstyle_tf.report.sections.data import data
from artstyle_tf.report.sections.disagreements import disagreements
from artstyle_tf.report.sections.evaluation import evaluation
from artstyle_tf.report.sections.next_steps import next_steps
from artstyle_tf.report.sections.recipes import recipes
from artstyle_tf.report.sections.styles_by_run import styles_by_run
from artstyle_tf.report.sections.summary import summary
from artstyle_tf.report.sections.training import training
from artstyle_tf.report.sections.tuning import tuning
from artstyle_tf.report.shelf import ImageShelf


def test_the_worst_confusion_is_that_of_max_images():
    judged = make_judged(seed=3)
    pairs = Counter(
        (row.label, row.prediction)
        for row in judged.predictions.itertuples()
        if row.label != row.prediction
    )
    found = confusions(judged)
    assert {(pair.label, pair.prediction): pair.num_images for pair in found} == dict(pairs)
    assert found[0].num_images == max(pairs.values())
    assert found[0].share == pytest.approx(found[0].num_images / 10)


def test_the_matrix_counts_as_scikit_learn_does():
    facts = make_facts()
    said = facts.judged.predictions
    expected = confusion_matrix(said["label"], said["prediction"], labels=list(STYLES))
    rows = evaluation(facts, FurtherResults())["matrix"]
    found = np.array([[cell["count"] for cell in row["cells"]] for row in rows])
    np.testing.assert_array_equal(found, expected)
    shades = np.array([[cell["shade"] for cell in row["cells"]] for row in rows])
    assert ((shades > 0) == (expected > 0)).all()
    assert shades.max() <= 8


@pytest.mark.parametrize(
    ("interval", "outcome"), [([0.1, 0.3], "better"), ([-0.3, -0.1], "worse"), ([-1, 1], "same")]
)
def test_the_verdict_follows_the_interval(interval, outcome):
    judged = make_judged()
    results = make_results(judged)
    baseline = {**results["baseline"]["test"]}
    baseline["trained_against_baseline"] = {"difference": 0.0, "interval": interval}
    baseline.pop("outcome", None)  # of a run of before the exact test had a say
    facts = make_facts(results={**results, "baseline": {"test": baseline}})
    assert summary(facts, [])["verdict"]["outcome"] == outcome
    texts = " ".join(step.text for step in next_steps(facts, FurtherResults()))
    assert ("logistic regression" in texts) == (outcome != "better")


def steps_of(further=None, judged=None, **results):
    facts = make_facts(results=make_results(judged or make_judged(), **results))
    return next_steps(facts, further or make_further())


def test_what_spoils_a_score_is_to_be_fixed_first():
    leaks = {"duplicates_across_splits": 2, "duplicates_across_styles": 1, "group_across_splits": 4}
    found = steps_of(FurtherResults(), leaks=leaks, unreadable=[{"path": "a", "reason": "b"}])
    urgent = [step for step in found if step.urgency == "fix"]
    assert found[: len(urgent)] == urgent
    texts = " ".join(step.text for step in urgent)
    assert "2 sets of images look the same but lie in several splits" in texts
    assert "One set of images look" in texts
    assert "4 groups (artists)" in texts
    assert "1 image could not be read" in texts
    assert [step.command for step in urgent if "groups" in step.text] == [
        "python scripts/cross_validate.py --config outputs/models/run/config.yaml"
    ]


def test_a_measured_gap_takes_the_place_of_the_advice_to_measure_it():
    leaks = {"group_across_splits": 4}
    texts = " ".join(step.text for step in steps_of(leaks=leaks))
    assert "expect 0.600 instead of 0.800" in texts
    assert "Measure what it is" not in texts


def test_what_is_there_already_is_not_advised():
    commands = [step.command or "" for step in steps_of(FurtherResults())]
    assert [c for c in commands if "export_model" in c]
    assert [c for c in commands if "analyze_features" in c]
    commands = [step.command or "" for step in steps_of(make_further())]
    assert not [c for c in commands if "export_model" in c or "analyze_features" in c]
    assert "3 suspected label errors" in " ".join(step.text for step in steps_of(make_further()))


def test_confidences_are_called_bad_when_few_images_cannot_explain_it():
    def said(low):
        scores = {"macro_f1": 0.8, "accuracy": 0.8, "expected_calibration_error": 0.15}
        ends = {"test": {"expected_calibration_error": [low, 0.2]}}
        return "off by 15 points" in " ".join(
            step.text for step in steps_of(test=scores, intervals=ends)
        )

    assert said(0.1)
    assert not said(0.04)


def test_knowing_the_training_images_by_heart_is_told():
    history = make_facts().history.assign(macro_f1=[np.nan, 0.9, 1.0, 1.0])
    facts = make_facts(history=history)
    texts = " ".join(step.text for step in next_steps(facts, FurtherResults()))
    assert "training macro-F1 1.000 is 38 points above validation" in texts
    assert "by heart" not in " ".join(
        step.text for step in next_steps(make_facts(), FurtherResults())
    )


@given(
    st.floats(-1e6, 1e6),
    st.floats(1e-3, 1e6),
    st.floats(0, 1),
    st.sampled_from([(0, 100), (300, 20)]),
)
def test_a_scale_is_linear_and_its_ticks_are_on_it(low, width, share, ends):
    scale = Scale(low, low + width, *ends)
    start, end = ends
    expected = start + share * (end - start)
    assert scale(low + share * width) == pytest.approx(expected, abs=0.06)
    places = [place for place, _ in scale.ticks()]
    assert all(min(ends) <= place <= max(ends) for place in places)


def test_the_curves_name_their_phases_and_mark_what_is_kept():
    content = training(make_facts())
    f1, loss = content["charts"]
    assert [band["name"] for band in f1["bands"]] == ["linear probe", "head", "top 2 blocks"]
    assert f1["best"][2] == "0.620"
    assert [line["kind"] for line in loss["lines"]] == ["training", "validation"]
    assert len(loss["lines"][0]["points"]) == 3
    assert len(f1["lines"][1]["points"]) == 4
    assert content["start"] == ("linear probe", 0.5)


def test_data_counts_by_style_and_split():
    facts = make_facts()
    content = data(facts, make_further(), ImageShelf({}))
    assert content["totals"] == [24, 40]
    assert content["total"] == 64
    assert [row["counts"] for row in content["rows"]] == [[6, 10]] * 4
    assert content["samples"] == []
    assert [finding["text"] for finding in content["findings"]] == ["1 is tiny."]


def test_what_run_and_inspection_both_found_is_told_once():
    facts = make_facts(leaks={"tiny": "1 is tiny."})
    assert data(facts, make_further(), ImageShelf({}))["findings"] == []


@pytest.mark.parametrize(
    ("model", "run", "is_own"),
    [
        ("direct classifier (demo)", "demo", True),
        ("gradient boosting (demo, pooled)", "demo", True),
        ("direct classifier (demo2)", "demo", False),
        ("baseline (320 px)", "demo", False),
        ("direct classifier (a (b))", "a (b)", True),
    ],
)
def test_a_comparison_knows_the_models_of_a_run(model, run, is_own):
    assert is_of_run(model, run) == is_own


def test_a_comparison_marks_its_run_and_puts_the_best_first():
    found = make_further().comparisons[0]
    found["models"][0]["test"] = {"macro_f1": 0.9, "accuracy": 0.9}
    found["models"][1] = {**found["models"][1], "test": {"macro_f1": 0.95, "accuracy": 0.9}}
    (table,) = comparison([found], make_facts().name)["tables"]
    assert [row["macro_f1"] for row in table["rows"]] == [0.95, 0.9]
    assert [row["is_own"] for row in table["rows"]] == [True, False]


def test_the_line_of_a_study_is_the_best_so_far():
    (study,) = tuning(make_further().tuning)["studies"]
    places = [place for _, place in study["chart"]["points"]]
    assert places[1] < places[2] < places[0]  # higher on the page is better
    drawn = [float(y) for y in re.findall(r"V([\d.]+)", study["chart"]["path"])]
    assert drawn == [places[1], places[1]]
    assert study["sentence"] == "Better than the default."
    assert tuning([]) is None


def test_runs_disagree_where_some_are_right():
    one = make_facts(name="one")
    two = make_facts(name="two", judged=make_judged(seed=5))
    found = disagreements([one, two])
    labels = one.judged.predictions["label"]
    right = pd.DataFrame(
        {
            "one": one.judged.predictions["prediction"] == labels,
            "two": two.judged.predictions["prediction"] == labels,
        }
    ).sum(axis=1)
    assert found["num_all_right"] == (right == 2).sum()
    assert found["num_split"] == (right == 1).sum()
    assert found["num_all_wrong"] == (right == 0).sum()
    for entry in found["split"]:
        assert sorted(is_right for _, _, is_right in entry["said"]) == [False, True]
    others = two.judged.predictions.assign(path="elsewhere")
    judged = dataclasses.replace(two.judged, predictions=others)
    assert disagreements([one, make_facts(name="two", judged=judged)]) is None


def test_the_best_of_each_style_is_marked():
    one, two = make_facts(name="one"), make_facts(name="two", judged=make_judged(seed=5))
    for row in styles_by_run([one, two])["rows"]:
        (first, first_is_best), (second, second_is_best) = row["cells"]
        assert first_is_best == (first >= second)
        assert second_is_best == (second >= first)


def test_recipes_tell_what_differs_and_not_where_things_lie():
    one = make_facts()
    config = {
        **one.config,
        "outputs": "elsewhere",
        "model": {**one.config["model"], "image_size_px": 64},
    }
    two = make_facts(config=config)
    assert recipes([one, two])["rows"] == [("model.image_size_px", ["32", "64"])]
    assert recipes([one, one]) is None


def _colors(style, scheme):
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    text = light if scheme == "light" else light + dark
    return dict(re.findall(r"--([a-z0-9-]+):\s*(#[0-9a-f]{6})", text))


def _rgb(color):
    return np.array([int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)])


def _luminance(rgb):
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    """As WCAG 2.2 defines it."""
    brighter, darker = sorted([_luminance(one), _luminance(other)], reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_cells_have_enough_contrast(scheme):
    style = (resources.files("artstyle_tf.report") / "templates" / "report.css").read_text()
    colors = {name: _rgb(value) for name, value in _colors(style, scheme).items()}
    for text in ("ink", "soft", "accent", "good", "bad"):
        for ground in ("paper", "card"):
            assert contrast(colors[text], colors[ground]) >= 4.5, (text, ground)
    assert contrast(colors["ink"], colors["track"]) >= 4.5
    shades = re.findall(r"\.shade-\d \{[^}]*var\(--cell\) (\d+)%", style)
    assert len(shades) == 8
    for cell in ("right-cell", "wrong-cell"):
        for share in (int(shade) / 100 for shade in shades):
            mixed = share * colors[cell] + (1 - share) * colors["card"]
            assert contrast(colors["ink"], mixed) >= 4.5, (cell, share)
    for hue in range(8):  # shapes, not texts
        assert contrast(colors[f"hue-{hue}"], colors["card"]) >= 3, hue
