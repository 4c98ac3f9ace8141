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
from report_facts import STYLES, make_evaluated, make_facts, make_related, make_results
from sklearn.metrics import confusion_matrix

from artstyle_tf.report.axes import Scale
from artstyle_tf.report.overview_report import disagreements, recipes, styles_by_run
from artstyle_tf.report.page import PageImages
from artstyle_tf.report.related_results import RelatedResults, is_of_run
from artstyle_tf.report.run_facts import confusions
from artstyle_tf.report.sections.comparison import comparison
from artstyle_tf.report.sections.data import data
from artstyle_tf.report.sections.evaluation import evaluation
from artstyle_tf.report.sections.next_steps import next_steps
from artstyle_tf.report.sections.summary import summary
from artstyle_tf.report.sections.training import training, tuning


def test_the_first_confusion_has_the_most_images():
    evaluated = make_evaluated(seed=3)
    pairs = Counter(
        (row.label, row.prediction)
        for row in evaluated.predictions.itertuples()
        if row.label != row.prediction
    )
    found = confusions(evaluated)
    assert {(pair.label, pair.prediction): pair.num_images for pair in found} == dict(pairs)
    assert found[0].num_images == max(pairs.values())
    assert found[0].share == pytest.approx(found[0].num_images / 10)


def test_the_matrix_counts_as_scikit_learn_does():
    facts = make_facts()
    table = facts.evaluated.predictions
    expected = confusion_matrix(table["label"], table["prediction"], labels=list(STYLES))
    rows = evaluation(facts, RelatedResults())["matrix"]
    found = np.array([[cell["count"] for cell in row["cells"]] for row in rows])
    np.testing.assert_array_equal(found, expected)
    shades = np.array([[cell["shade"] for cell in row["cells"]] for row in rows])
    assert ((shades > 0) == (expected > 0)).all()
    assert shades.max() <= 8


@pytest.mark.parametrize(
    ("interval", "outcome"), [([0.1, 0.3], "better"), ([-0.3, -0.1], "worse"), ([-1, 1], "same")]
)
def test_the_verdict_follows_the_interval(interval, outcome):
    evaluated = make_evaluated()
    results = make_results(evaluated)
    baseline = {**results["baseline"]["test"]}
    baseline["trained_against_baseline"] = {"difference": 0.0, "interval": interval}
    baseline.pop("outcome", None)  # of a run of an earlier version without the exact test
    facts = make_facts(results={**results, "baseline": {"test": baseline}})
    assert summary(facts, [])["verdict"]["outcome"] == outcome
    texts = " ".join(step.text for step in next_steps(facts, RelatedResults()))
    assert ("logistic regression" in texts) == (outcome != "better")


def steps_of(related=None, evaluated=None, **results):
    facts = make_facts(results=make_results(evaluated or make_evaluated(), **results))
    return next_steps(facts, related or make_related())


def test_leaks_and_unreadable_images_come_first():
    leaks = {"duplicates_across_splits": 2, "duplicates_across_styles": 1, "group_across_splits": 4}
    found = steps_of(RelatedResults(), leaks=leaks, unreadable=[{"path": "a", "reason": "b"}])
    urgent = [step for step in found if step.urgency == "fix"]
    assert found[: len(urgent)] == urgent
    texts = " ".join(step.text for step in urgent)
    assert "2 sets of duplicate images in several splits" in texts
    assert "1 set of duplicate images in several style folders" in texts
    assert "4 groups (artists)" in texts
    assert "1 image could not be read" in texts
    assert [step.command for step in urgent if "groups" in step.text] == [
        "python scripts/cross_validate.py --config outputs/models/run/config.yaml"
    ]


def test_a_measured_gap_replaces_the_advice_to_measure_it():
    leaks = {"group_across_splits": 4}
    texts = " ".join(step.text for step in steps_of(leaks=leaks))
    assert "expect macro-F1 0.600 instead of 0.800" in texts
    assert "Measure this" not in texts


def test_existing_results_are_not_recommended():
    commands = [step.command or "" for step in steps_of(RelatedResults())]
    assert [c for c in commands if "export_model" in c]
    assert [c for c in commands if "analyze_features" in c]
    commands = [step.command or "" for step in steps_of(make_related())]
    assert not [c for c in commands if "export_model" in c or "analyze_features" in c]
    assert "3 suspected label errors" in " ".join(step.text for step in steps_of(make_related()))


def test_miscalibration_is_reported_if_the_interval_excludes_chance():
    def is_reported(low):
        scores = {"macro_f1": 0.8, "accuracy": 0.8, "expected_calibration_error": 0.15}
        ends = {"test": {"expected_calibration_error": [low, 0.2]}}
        return "by 15 points" in " ".join(
            step.text for step in steps_of(test=scores, intervals=ends)
        )

    assert is_reported(0.1)
    assert not is_reported(0.04)


def test_overfitting_is_reported():
    history = make_facts().history.assign(macro_f1=[np.nan, 0.9, 1.0, 1.0])
    facts = make_facts(history=history)
    texts = " ".join(step.text for step in next_steps(facts, RelatedResults()))
    assert "training macro-F1 1.000 is 38 points above validation" in texts
    assert "overfits" not in " ".join(
        step.text for step in next_steps(make_facts(), RelatedResults())
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
    positions = [position for position, _ in scale.ticks()]
    assert all(min(ends) <= position <= max(ends) for position in positions)


def test_the_curves_name_their_phases_and_mark_the_best_epoch():
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
    content = data(facts, make_related(), PageImages({}))
    assert content["totals"] == [24, 40]
    assert content["total"] == 64
    assert [row["counts"] for row in content["rows"]] == [[6, 10]] * 4
    assert content["samples"] == []
    assert [finding["text"] for finding in content["findings"]] == ["1 is tiny."]


def test_findings_of_run_and_inspection_are_listed_once():
    facts = make_facts(leaks={"tiny": "1 is tiny."})
    assert data(facts, make_related(), PageImages({}))["findings"] == []


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
    found = make_related().comparisons[0]
    found["models"][0]["test"] = {"macro_f1": 0.9, "accuracy": 0.9}
    found["models"][1] = {**found["models"][1], "test": {"macro_f1": 0.95, "accuracy": 0.9}}
    (table,) = comparison([found], make_facts().name)["tables"]
    assert [row["macro_f1"] for row in table["rows"]] == [0.95, 0.9]
    assert [row["is_own"] for row in table["rows"]] == [True, False]


def test_the_curve_of_a_study_is_the_best_so_far():
    (study,) = tuning(make_related().tuning)["studies"]
    positions = [position for _, position in study["chart"]["points"]]
    assert positions[1] < positions[2] < positions[0]  # higher on the page is better
    drawn = [float(y) for y in re.findall(r"V([\d.]+)", study["chart"]["path"])]
    assert drawn == [positions[1], positions[1]]
    assert study["sentence"] == "Better than the default."
    assert tuning([]) is None


def test_runs_disagree_where_some_are_right():
    one = make_facts(name="one")
    two = make_facts(name="two", evaluated=make_evaluated(seed=5))
    found = disagreements([one, two])
    labels = one.evaluated.predictions["label"]
    right = pd.DataFrame(
        {
            "one": one.evaluated.predictions["prediction"] == labels,
            "two": two.evaluated.predictions["prediction"] == labels,
        }
    ).sum(axis=1)
    assert found["num_all_right"] == (right == 2).sum()
    assert found["num_split"] == (right == 1).sum()
    assert found["num_all_wrong"] == (right == 0).sum()
    for entry in found["split"]:
        assert sorted(is_right for _, _, is_right in entry["predictions"]) == [False, True]
    others = two.evaluated.predictions.assign(path="elsewhere")
    evaluated = dataclasses.replace(two.evaluated, predictions=others)
    assert disagreements([one, make_facts(name="two", evaluated=evaluated)]) is None


def test_the_best_of_each_style_is_marked():
    one, two = make_facts(name="one"), make_facts(name="two", evaluated=make_evaluated(seed=5))
    for row in styles_by_run([one, two])["rows"]:
        (first, first_is_best), (second, second_is_best) = row["cells"]
        assert first_is_best == (first >= second)
        assert second_is_best == (second >= first)


def test_recipes_list_differences_but_no_paths():
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
    """Compute the contrast ratio as defined by WCAG 2.2."""
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
