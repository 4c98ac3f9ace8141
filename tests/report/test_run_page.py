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
    make_facts,
    make_further,
    make_judged,
    make_neighbors,
    make_results,
    make_uris,
)

from artstyle_tf.images.reading.thumbnail_uris import image_uri
from artstyle_tf.report.run_facts import FurtherResults
from artstyle_tf.report.run_page import render_run_page
from artstyle_tf.report.shelf import ImageShelf

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


def render(facts, *, further=None, uris=None, points=None, near=(), max_mistakes=6):
    return render_run_page(
        facts,
        further or FurtherResults(),
        ImageShelf(make_uris(facts) if uris is None else uris),
        points=points,
        near=near,
        max_mistakes=max_mistakes,
    )


def render_everything():
    facts = make_facts()
    return render(
        facts, further=make_further(), points=make_atlas(facts), near=make_neighbors(facts)
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


def test_names_are_text_wherever_they_stand(read):
    # One script of the page, and blocks of data; nothing that a name has brought along.
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


def test_data_blocks_hold_no_letter_that_could_end_them(page):
    blocks = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert len(blocks) == 3
    assert not [block for block in blocks if re.search(r"[<>&]", block)]


def test_the_policy_allows_this_style_and_this_script_and_no_address(read):
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


def test_places_without_bytes_name_an_image_that_is_there(read):
    images = [attributes for attributes in read.all("img") if "data-image" in attributes]
    with_bytes = {a["data-image"] for a in images if "src" in a} | set(read.data("images"))
    assert {a["data-image"] for a in images} <= with_bytes
    judged = {str(row[3]) for row in read.data("facts")["judged"]}
    assert judged <= with_bytes
    assert {str(row[6]) for row in read.data("points")} <= with_bytes


def test_a_person_who_cannot_see_it_gets_it_too(read):
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
        named += (attributes.get("aria-labeledby") or "").split()
        named += (attributes.get("aria-controls") or "").split()
        assert set(named) <= set(ids)
    assert read.elements[1][0] == "head"
    assert next(a for a in read.all("html"))["lang"] == "en"


def test_the_summary_says_what_somebody_in_a_hurry_needs(page):
    summary = page[page.index('id="summary"') : page.index('id="evaluation"')]
    facts = make_facts()
    assert f"{facts.scores['macro_f1']:.3f}" in summary
    assert "The trained model is better than the baseline." in summary
    assert summary.count("<figure>") == 3
    assert "Worst confusion" in summary
    assert "What to do next" in summary


def test_a_run_without_mistakes_or_images_or_history_has_a_page():
    judged = make_judged()
    perfect = judged.predictions.assign(prediction=judged.predictions["label"])
    judged = dataclasses.replace(judged, predictions=perfect, reliability=None, risk_coverage=None)
    facts = make_facts(
        judged=judged,
        results={"test": {"macro_f1": 1.0, "accuracy": 1.0}},
        history=make_facts().history.head(0),
        environment={},
        times={},
    )
    read = ReadPage(render(facts, uris={}))
    assert "Every test image is named rightly." in read.text
    assert "mistakes" not in [attributes["id"] for attributes in read.all("section")]
    assert read.all("img") == []


def test_mistakes_are_the_surest_first_and_no_more_than_wanted():
    facts = make_facts()
    read = ReadPage(render(facts, max_mistakes=3))
    wrong = facts.judged.mistakes()
    assert len(wrong) > 3
    assert f"The 3 surest of {len(wrong)} test images" in " ".join(read.text.split())
    assert wrong["confidence"].is_monotonic_decreasing


def test_1500_images_stay_below_15_megabytes():
    facts = make_facts()
    grain = np.random.default_rng(0).normal(0, 25, (96, 96, 3))  # more than any scan has
    uri = image_uri(np.clip(128 + grain, 0, 255).astype(np.uint8))
    uris = {f"{number}.png": uri[:-6] + f"{number:06d}" for number in range(1500)}
    assert 1e6 < len(render(facts, uris=uris)) < 15e6


def test_results_of_before_there_were_intervals_or_a_baseline():
    facts = make_facts()
    per_class = facts.judged.per_class[["class", "precision", "recall", "f1", "support"]]
    judged = dataclasses.replace(facts.judged, per_class=per_class)
    results = make_results(judged, intervals={}, baseline={}, calibration=None)
    read = ReadPage(render(make_facts(judged=judged, results=results)))
    assert "95 % interval" not in read.text.split("All scores")[0]
    assert "baseline" not in read.text.split("What to do next")[0]
