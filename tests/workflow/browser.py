"""The reports as a reader opens them: a real browser without a network."""

from contextlib import contextmanager

import pytest

__all__ = ["barriers", "open_provenance", "open_report", "opened"]

# Level A and AA of the Web Content Accessibility Guidelines, by the tags of axe-core.
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@contextmanager
def open_report(browser, path, width=1400, warnings=True):
    """A page with the report, and a list of all that went wrong on it."""
    wrong = []
    with browser.new_context(viewport={"width": width, "height": 900}) as context:
        context.set_offline(True)
        # a machine may be busy
        context.set_default_timeout(120_000)
        page = context.new_page()
        page.on(
            "console", lambda m: wrong.append(m.text) if warnings or m.type == "error" else None
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url[:200]}"))
        page.on("request", lambda request: _note_network(request.url, wrong))
        page.goto(path.absolute().as_uri())
        yield page, wrong


@contextmanager
def open_provenance(browser, path):
    """The same with Snakemake's report, which is drawn after it is loaded and warns of itself."""
    with open_report(browser, path, 1440, warnings=False) as (page, wrong):
        page.locator("nav").first.wait_for()
        yield page, wrong


def barriers(page, part=None):
    """What of the page as it is shown, or of a part of it by its selector, some readers cannot
    use: rules of axe-core, and where."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    # Of what passes an example is enough.
    options = {"runOnly": WCAG, "resultTypes": ["violations"]}
    found = axe.run(page, context=part, options=options).response
    assert found["passes"], "axe-core has looked at nothing"
    return [(rule["id"], node["html"]) for rule in found["violations"] for node in rule["nodes"]]


def opened(page, result):
    """Caption of a result, and what its eye opens: an image's natural width, or a download."""
    page.evaluate("path => app.showResultInfo(path)", result)
    caption = page.locator("nav li.prose").inner_text()
    eye = page.locator("nav td a[type=button]").first
    if not result.endswith(".png"):
        return caption, eye.get_attribute("href")[:5]
    eye.click()
    page.wait_for_function(
        "path => [...document.images].some(i => i.src === results[path].data_uri && i.complete)",
        arg=result,
    )
    image = page.locator("div.p-3 > img")
    assert image.is_visible()
    box = image.bounding_box()
    assert box["y"] >= 0, "the top of the figure cannot be reached"
    assert box["y"] + box["height"] <= 900, "the figure does not fit into the window"
    return caption, image.evaluate("image => image.naturalWidth")


def _note_network(url, wrong):
    if not url.startswith(("file:", "data:", "blob:")):
        wrong.append(f"asks the network: {url[:200]}")
