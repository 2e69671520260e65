"""The report and Snakemake's own, as a reader opens them: in a browser without a network."""

import shutil
from pathlib import Path

import pyhf
import pytest
from browser import barriers, open_provenance, open_report, opened

from hone.running.files import read_csv


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, started once."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("no browser to open the report with (Debian: apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.mark.parametrize("width", [1400, 390])
def test_the_report_answers_in_a_browser_without_a_network(run, browser, width):
    limit = min(row["expected_limit"] for row in read_csv(run / "table.csv"))
    with open_report(browser, run / "report.html", width) as (page, wrong):
        assert f"μ < {limit:#.3g} expected at 95" in page.locator(".line").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # every figure in its tab, and none that the reader has not asked for
        shown, part = set(), None  # the whole page once, then what a tab changes
        for box in page.locator("#observables input").all():
            box.check()
        for tab in page.get_by_role("tab").all():
            tab.click()
            assert page.locator("[role=tabpanel]:visible").count() == 1
            assert barriers(page, part) == []
            part = "[role=tablist], [role=tabpanel]:not([hidden])"
            for picture in page.locator("[role=tabpanel] figure img:visible").all():
                assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)")
                shown.add(picture.get_attribute("alt"))
            boxes = [f.bounding_box() for f in page.locator(".kind:visible figure").all()[:2]]
            if width < 400 and len(boxes) == 2:
                assert boxes[1]["y"] >= boxes[0]["y"] + boxes[0]["height"], "one column"
        assert len(shown) == len(list(run.glob("figures/**/*.[pg][ni][gf]")))
        page.get_by_role("tab", name="Observable").click()
        for box in page.locator("#observables input").all():
            box.set_checked(box.get_attribute("value") == "600")
        visible = page.locator(".kind figure:visible").all()
        assert {figure.get_attribute("data-observable") for figure in visible} == {"600"}

        # search as you type, also what is not chosen
        hits = page.get_by_role("status")
        page.get_by_label("Search").fill("contour neos")
        assert hits.inner_text().startswith("1 figure,")
        page.get_by_label("Search").fill("nothing of the kind")
        assert hits.inner_text() == "no hits"
        page.get_by_label("Search").fill("")

        # the keyboard: tabs by arrows, a figure by Enter, back by Escape
        page.get_by_role("tab", name="Result").focus()
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.textContent") == "Observable"
        page.locator(".kind figure:visible button").first.focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        image = dialog.locator("img")
        assert image.is_visible()
        assert image.bounding_box()["height"] <= 900
        page.keyboard.press("Escape")
        assert not dialog.is_visible()

        # a table by one of its columns, both ways
        page.get_by_role("tab", name="Result").click()
        table = page.locator("table").first
        for direction in (1, -1):
            table.get_by_role("button", name="Expected limit").click()
            cells = table.locator("tbody td:nth-child(3)").all_inner_texts()
            values = [direction * float(cell) for cell in cells]
            assert values == sorted(values)
        assert not wrong


def test_the_provenance_opens_in_a_browser_without_a_network(run, browser):
    with open_provenance(browser, run / "provenance.html") as (page, wrong):
        first = page.locator(".prose").inner_text()
        for words in (
            (run / "headline.txt").read_text().split("\n")[0],
            "20 events expected",
            "a count after cuts, trained for",
            "compute_limits",
            f"pyhf {pyhf.__version__}",
        ):
            assert words in first
        # a reader's way: from the first page to a category, and to its first figure
        assert page.locator(".prose p").first.bounding_box()["y"] >= 0
        page.get_by_role("link", name="Limits", exact=True).last.click()
        page.locator("nav tbody tr").first.locator("a").first.click()
        page.locator("div.p-3 > img").wait_for()
        results = page.evaluate("Object.keys(results)")
        figures = {str(path.relative_to(run.parents[1])) for path in run.glob("figures/**/*.png")}
        assert figures < set(results)
        # of each kind the first
        for result in {Path(path).name: path for path in reversed(results)}.values():
            caption, what = opened(page, result)
            assert len(caption) > 60, result
            assert (what > 0) if result.endswith(".png") else what == "data:", result
        page.evaluate("app.setView({content: 'rulegraph'})")
        page.locator("#rulegraph canvas").wait_for()
        page.evaluate("app.setView({content: 'stats'})")
        page.locator("#runtimes canvas").wait_for()
        assert not wrong
