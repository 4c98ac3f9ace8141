"""The page opened from disk in a real browser."""

from __future__ import annotations

import pytest
from browser import Browser, find_browser
from PIL import Image
from report_facts import make_facts, make_uris
from test_run_page import render_everything

pytest.importorskip("tornado")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = find_browser()
    if program is None:
        pytest.skip("there is no Chromium or Chrome on the path")
    started = Browser(program, tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("mailed") / "report.html"
    path.write_text(render_everything(), encoding="utf-8")
    return path


@pytest.fixture
def page(browser, file):
    opened = browser.open(file)
    yield opened
    opened.close()


def is_quiet(page):
    assert page.complaints() == []
    assert page.requests() == []


def worst_cell(page):
    return page.evaluate("document.querySelector('[data-open-cell]').dataset.openCell")


def test_a_click_on_a_cell_shows_its_images(page):
    facts = make_facts()
    names = list(facts.class_names)
    cell = worst_cell(page)
    label, prediction = (names[int(number)] for number in cell.split("-"))
    table = facts.evaluated.predictions
    chosen = table[(table["label"] == label) & (table["prediction"] == prediction)]
    page.click(f'button[data-cell="{cell}"]')
    shown = page.evaluate("[...document.querySelectorAll('#cell img')].map((i) => i.src)")
    uris = make_uris(facts)
    assert set(shown) == {uris[path] for path in chosen["path"]}
    assert len(shown) == len(chosen) > 0
    heading = page.evaluate("document.querySelector('#cell h4').textContent")
    assert heading == f"{label} predicted as {prediction}: {len(chosen)}"
    assert page.evaluate("document.querySelectorAll('[data-cell][aria-pressed=true]').length") == 1
    is_quiet(page)


def test_all_images_can_be_seen(page):
    page.evaluate("document.querySelectorAll('img').forEach((i) => { i.loading = 'eager'; })")
    page.wait_until("[...document.images].every((image) => image.complete)")
    assert page.evaluate("document.images.length") > 40
    assert page.evaluate("[...document.images].filter((i) => !i.naturalWidth).length") == 0
    is_quiet(page)


def test_pointing_at_a_point_shows_its_image(page):
    page.point_at("#marks use:nth-of-type(20)")
    page.wait_until("document.querySelector('#shown img')")
    shown = page.evaluate("document.querySelector('#shown').textContent")
    # Another point may lie above; the ring is around the one that is shown.
    point = page.evaluate(
        "(() => { const r = document.querySelector('#ring');"
        "const p = JSON.parse(document.querySelector('#points').textContent);"
        "return p.find((q) => q[0] === Number(r.getAttribute('cx'))"
        " && q[1] === Number(r.getAttribute('cy'))); })()"
    )
    assert point[7].rsplit("/", 1)[-1] in shown
    source = page.evaluate("document.querySelector('#shown img').src")
    assert source == make_uris(make_facts())[point[7]]
    is_quiet(page)


def test_everything_can_be_reached_by_keyboard(page):
    page.evaluate("document.querySelector('#map').focus({focusVisible: true})")
    page.wait_until("document.querySelector('#shown img')")
    before = page.evaluate("document.querySelector('#ring').getAttribute('cx')")
    page.press("ArrowRight")
    after = page.evaluate("document.querySelector('#ring').getAttribute('cx')")
    assert float(after) > float(before)
    page.evaluate("document.querySelector('button[data-cell=\"0-0\"]').focus()")
    page.press("ArrowDown")
    focused = page.evaluate("document.activeElement.dataset.cell")
    assert focused != "0-0"
    assert focused.endswith("-0")
    page.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    assert page.evaluate("document.querySelectorAll('#cell img').length") > 0
    is_quiet(page)


def test_the_first_tab_stop_skips_the_navigation(page):
    page.press("Tab")
    assert page.evaluate("document.activeElement.hash") == "#summary"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0


def test_the_worst_confusion_is_one_click_away(page):
    page.click("[data-open-cell]")
    pressed = "document.querySelector('[data-cell][aria-pressed=true]')"
    assert page.evaluate(f"{pressed}.dataset.cell") == worst_cell(page)
    is_quiet(page)


def test_the_map_zooms_and_hides_styles(page):
    page.click('button[data-zoom="2"]')
    assert page.evaluate("document.querySelector('#map').viewBox.baseVal.width") == 320
    page.click('button[data-zoom="0"]')
    assert page.evaluate("document.querySelector('#map').viewBox.baseVal.width") == 640
    page.click(".legend button:nth-of-type(2)")
    hidden = page.evaluate(
        "[...document.querySelectorAll('#marks use')].filter((m) => m.hasAttribute('hidden'))"
        ".map((m) => m.dataset.style)"
    )
    assert set(hidden) == {"1"}
    assert len(hidden) == (make_facts().images["label"] == make_facts().class_names[1]).sum()
    is_quiet(page)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_it_fits_and_follows_the_theme(browser, file, tmp_path, width, dark):
    page = browser.open(file, width=width, height=900, dark=dark)
    try:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        shot = tmp_path / "shot.png"
        page.screenshot(shot)
        with Image.open(shot) as image:
            assert image.size == (width, 900)
            corner = sum(image.convert("RGB").getpixel((2, 2))) / 3
        assert corner < 60 if dark else corner > 200
        is_quiet(page)
    finally:
        page.close()


def test_names_inject_no_script(page):
    assert page.evaluate("document.scripts.length") == 4
    assert page.evaluate("document.querySelectorAll('[onerror],[onmouseover]').length") == 0
    title = page.evaluate("document.querySelector('h1').textContent")
    assert title == make_facts().name


def test_the_page_works_without_scripts(browser, file):
    page = browser.open(file)
    try:
        page.call("Emulation.setScriptExecutionDisabled", value=True)
        page.call("Page.reload")
        page.wait_until("document.readyState === 'complete'")
        seen = page.evaluate("document.querySelectorAll('#summary img[src]').length")
        assert seen == 3
        assert page.evaluate("document.querySelectorAll('.mistakes img[src]').length") > 4
    finally:
        page.close()
