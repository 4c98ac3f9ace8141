from __future__ import annotations

import base64
import dataclasses
import hashlib
import itertools
import re

import numpy as np
import pytest
from read_page import ReadPage
from report_facts import (
    STYLES,
    make_atlas,
    make_evaluated,
    make_facts,
    make_neighbors,
    make_related,
    make_results,
    make_uris,
)

from artstyle_tf.images.reading.thumbnail_uris import image_uri
from artstyle_tf.report.page import PageImages
from artstyle_tf.report.related_results import RelatedResults
from artstyle_tf.report.run_page import render_run_page

ALL_SECTIONS = [
    "summary",
    "evaluation",
    "mistakes",
    "neighbors",
    "atlas",
    "data",
    "training",
    "tuning",
    "comparison",
    "configuration",
    "serving",
]


def render(facts, *, related=None, uris=None, atlas=None, near=(), max_mistakes=6):
    return render_run_page(
        facts,
        related or RelatedResults(),
        PageImages(make_uris(facts) if uris is None else uris),
        atlas=atlas,
        near=near,
        max_mistakes=max_mistakes,
    )


def render_everything():
    facts = make_facts()
    return render(
        facts, related=make_related(), atlas=make_atlas(facts), near=make_neighbors(facts)
    )


@pytest.fixture(scope="module")
def page():
    return render_everything()


@pytest.fixture(scope="module")
def read(page):
    return ReadPage(page)


def test_a_section_appears_when_its_results_exist(read):
    found = [attributes["id"] for attributes in read.all("section")]
    assert found == ALL_SECTIONS
    bare = ReadPage(render(make_facts()))
    found = [attributes["id"] for attributes in bare.all("section")]
    left_out = {"neighbors", "atlas", "tuning", "comparison"}
    assert found == [name for name in ALL_SECTIONS if name not in left_out]
    assert [a["href"] for a in bare.all("a") if a["href"] in {f"#{n}" for n in left_out}] == []


def test_names_are_escaped_everywhere(read):
    # The script of the page and blocks of data; nothing that a name has injected.
    assert [attributes.get("id") for attributes, _ in read.scripts] == [
        "points",
        "facts",
        "images",
        None,
    ]
    assert all(
        attributes == {"type": "application/json", "id": attributes["id"]}
        for attributes, _ in read.scripts[:-1]
    )
    for attributes in (attributes for _, attributes in read.elements):
        assert not [name for name in attributes if name.startswith("on")]
    for text in (*STYLES, "run </title><script>alert(3)</script>", "alert(4)", "study <b>1</b>"):
        assert text in read.text, text
    assert not [a for a in read.all("img") if not (a.get("src") or "data:").startswith("data:")]
    assert read.data("facts")["styles"] == list(STYLES)


def test_data_blocks_contain_no_character_that_could_end_them(page):
    blocks = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert len(blocks) == 3
    assert not [block for block in blocks if re.search(r"[<>&]", block)]


def test_the_content_security_policy_allows_only_this_style_and_script(read):
    (policy,) = [
        attributes["content"]
        for attributes in read.all("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for rule, content in (("style-src", read.style), ("script-src", read.scripts[-1][1])):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    assert not [attributes for _, attributes in read.elements if "style" in attributes]


def test_nothing_is_loaded_from_elsewhere(page):
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert "url(" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_every_image_is_in_the_file_once(page):
    uris = make_uris(make_facts())
    assert len(set(uris.values())) == len(uris)
    assert {key for key, uri in uris.items() if page.count(uri) != 1} == set()


def test_images_without_bytes_refer_to_an_embedded_image(read):
    images = [attributes for attributes in read.all("img") if "data-image" in attributes]
    with_bytes = {a["data-image"] for a in images if "src" in a} | set(read.data("images"))
    assert {a["data-image"] for a in images} <= with_bytes
    predicted = {str(row[3]) for row in read.data("facts")["predictions"]}
    assert predicted <= with_bytes
    assert {str(row[6]) for row in read.data("points")} <= with_bytes


def test_the_page_is_accessible(read):
    for attributes in read.all("img"):
        assert attributes["alt"]
    for attributes in read.all("svg"):
        assert attributes.get("aria-hidden") == "true" or attributes.get("aria-label")
    levels = [level for level, _ in read.headings]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert all(text.strip() for _, text in read.headings)
    ids = [attributes["id"] for _, attributes in read.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    for _, attributes in read.elements:
        target = attributes.get("href") or ""
        named = [target[1:]] if target.startswith("#") else []
        named += (attributes.get("aria-labelledby") or "").split()
        named += (attributes.get("aria-controls") or "").split()
        assert set(named) <= set(ids)
    assert read.elements[1][0] == "head"
    assert next(a for a in read.all("html"))["lang"] == "en"


def test_the_summary_has_score_baseline_confusion_and_next_steps(page):
    summary = page[page.index('id="summary"') : page.index('id="evaluation"')]
    facts = make_facts()
    assert f"{facts.scores['macro_f1']:.3f}" in summary
    assert "The trained model is better than the baseline." in summary
    assert summary.count("<figure>") == 3
    assert "Most frequent confusion" in summary
    assert "Next steps" in summary


def test_a_run_without_mistakes_or_images_or_history_has_a_page():
    evaluated = make_evaluated()
    perfect = evaluated.predictions.assign(prediction=evaluated.predictions["label"])
    evaluated = dataclasses.replace(
        evaluated, predictions=perfect, reliability=None, risk_coverage=None
    )
    facts = make_facts(
        evaluated=evaluated,
        results={"test": {"macro_f1": 1.0, "accuracy": 1.0}},
        history=make_facts().history.head(0),
        environment={},
        times={},
    )
    read = ReadPage(render(facts, uris={}))
    assert "Every test image is classified correctly." in read.text
    assert "mistakes" not in [attributes["id"] for attributes in read.all("section")]
    assert read.all("img") == []


def test_mistakes_are_limited_to_the_most_confident():
    facts = make_facts()
    read = ReadPage(render(facts, max_mistakes=3))
    wrong = facts.evaluated.mistakes()
    assert len(wrong) > 3
    assert f"The 3 most confident of {len(wrong)} misclassified test images" in " ".join(
        read.text.split()
    )
    assert wrong["confidence"].is_monotonic_decreasing


def test_1500_images_stay_below_15_megabytes():
    facts = make_facts()
    grain = np.random.default_rng(0).normal(0, 25, (96, 96, 3))  # more than in any scan
    uri = image_uri(np.clip(128 + grain, 0, 255).astype(np.uint8))
    uris = {f"{number}.png": uri[:-6] + f"{number:06d}" for number in range(1500)}
    assert 1e6 < len(render(facts, uris=uris)) < 15e6


def test_runs_without_intervals_or_baseline_have_a_page():
    facts = make_facts()
    per_class = facts.evaluated.per_class[["class", "precision", "recall", "f1", "support"]]
    evaluated = dataclasses.replace(facts.evaluated, per_class=per_class)
    results = make_results(evaluated, intervals={}, baseline={}, calibration=None)
    read = ReadPage(render(make_facts(evaluated=evaluated, results=results)))
    assert "95% CI" not in read.text.split("All metrics")[0]
    assert "baseline" not in read.text.split("Next steps")[0]
