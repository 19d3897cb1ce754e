"""Reports and drawings in a real browser, Chromium without a window: `make browser`.

No other command runs these tests; where there is no browser, they fail.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec import drawing
from archspec.backend import backends
from archspec.model import Spec
from archspec.report import report
from tests.test_report import HOSTILE, result

pytestmark = pytest.mark.browser

TOO_WIDE = """() => [...document.querySelectorAll('svg text')].filter(text => text.getClientRects().length)
    .filter(text => text.getBBox().width > parseFloat(text.getAttribute('textLength')) + 2.5)
    .map(text => text.textContent)"""
"""Texts that are wider than they were reckoned to be."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        pytest.fail("playwright is not installed: pip install -e '.[browser]'")
    with sync_playwright() as playwright:
        path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        try:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except Error as error:
            pytest.fail(f"there is no Chromium: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


class Opened:
    """A page in the browser, and all that went on in it."""

    def __init__(self, browser: Any, folder: Path, text: str, scheme: str = "light", address: str = "") -> None:
        (folder / "page.html").write_text(text, encoding="utf-8")
        self.page = browser.new_context(color_scheme=scheme, viewport={"width": 1400, "height": 1000}).new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", self._dialog)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto((folder / "page.html").as_uri() + address)

    def _dialog(self, dialog: Any) -> None:
        self.said.append(dialog.message)
        dialog.dismiss()

    def ready(self) -> Opened:
        self.page.wait_for_selector("html[data-ready]", state="attached", timeout=10_000)
        return self

    @property
    def title(self) -> str:
        return str(self.page.inner_text("#details h2"))

    def check(self) -> None:
        """Nothing was asked for, nothing said, nothing runs out of the page or of its box."""
        assert len(self.asked) == 1, self.asked
        assert self.said == []
        assert self.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert self.page.evaluate(TOO_WIDE) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["resnet18", "swin_t", "mnist_mlp"])
def test_a_report_works(chromium: Any, tmp_path: Path, name: str, scheme: str) -> None:
    model = archspec.load(name)
    opened = Opened(chromium, tmp_path, report(model, backends(), result(model)), scheme).ready()
    page = opened.page
    opened.check()
    order = [node.path for node in model.graph.nodes]
    page.evaluate(f"location.hash = {order[2]!r}")
    page.wait_for_function(f"document.querySelector('#details h2').textContent === {order[2]!r}")
    page.keyboard.press("ArrowDown")
    assert opened.title == order[3]
    assert page.evaluate("decodeURIComponent(location.hash)") == f"#{order[3]}"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert opened.title == order[1]
    assert page.locator(".code li.on").count() >= 2
    assert page.locator(".sel").count() >= 1
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "find"
    page.fill("#find", order[-1])
    page.keyboard.press("Enter")
    assert opened.title == order[-1]
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    for mode in ("parameters", "macs", "bytes", "proof", "operation"):
        page.select_option("#colour", mode)
    opened.check()


def test_a_click_selects_a_step_and_leads_into_a_closed_box(chromium: Any, tmp_path: Path) -> None:
    model = archspec.load("resnet50")
    opened = Opened(chromium, tmp_path, report(model, backends(), None)).ready()
    page = opened.page
    page.locator("#v0 [data-step='layer1.0.conv2']").click()
    assert opened.title == "layer1.0.conv2"
    box = page.locator("#v0 a:has([data-part='layer3.0'])")
    box.scroll_into_view_if_needed()
    box.click(position={"x": 12, "y": 12})
    assert opened.title == "layer3.0"
    page.locator("tr[data-row='fc'] a").evaluate("link => link.click()")
    assert opened.title == "fc"
    opened.check()


def test_a_click_into_the_chart_of_errors_selects_a_step(chromium: Any, tmp_path: Path) -> None:
    model = archspec.load("resnet18")
    order = [node.path for node in model.graph.nodes]
    page = Opened(chromium, tmp_path, report(model, backends(), result(model, culprit="layer2.0.conv1"))).ready().page
    chart = page.locator(".errors")
    chart.scroll_into_view_if_needed()
    wide = chart.bounding_box()["width"]
    left, pitch = (float(chart.get_attribute(f"data-{name}")) for name in ("left", "pitch"))
    scale = wide / page.evaluate("document.querySelector('.errors').viewBox.baseVal.width")
    chart.click(position={"x": (left + 30.5 * pitch) * scale, "y": 60})
    assert page.inner_text("#details h2") == order[30]
    shift = page.evaluate("document.querySelector('.errors .here').getAttribute('transform')")
    assert f"{9 + left + 30.5 * pitch:.2f}"[:5] in shift


def test_an_address_names_a_step(chromium: Any, tmp_path: Path) -> None:
    model = archspec.load("resnet18")
    opened = Opened(chromium, tmp_path, report(model, backends(), None), address="#layer3.0.bn2").ready()
    assert opened.title == "layer3.0.bn2"
    assert "self.bn2 = nn.BatchNorm2d(channels)" in opened.page.inner_text("#details")


def test_what_is_wrong_is_marked(chromium: Any, tmp_path: Path) -> None:
    model = archspec.load("resnet18")
    found = result(model, culprit="layer2.0.conv1")
    page = Opened(chromium, tmp_path, report(model, backends(), found)).ready().page
    marked = page.evaluate("[...new Set([...document.querySelectorAll('.wrong')].map(e => e.dataset.step))]")
    assert marked == ["layer2.0.conv1"]


def test_foreign_texts_do_nothing(chromium: Any, tmp_path: Path) -> None:
    model = Spec.parse(HOSTILE, "<b>n.yaml").network()
    opened = Opened(chromium, tmp_path, report(model, backends(), result(model, culprit="one.0.a"))).ready()
    opened.check()
    assert opened.page.evaluate("document.querySelectorAll('img').length") == 0
    Opened(chromium, tmp_path, str(drawing.draw(model, "html"))).check()


@pytest.mark.parametrize("name", ["googlenet", "hrnet_w18", "wavenet_small"])
def test_drawings_look_as_they_were_reckoned(chromium: Any, tmp_path: Path, name: str) -> None:
    model = archspec.load(name)
    opened = Opened(chromium, tmp_path, str(drawing.draw(model, "html")))
    assert opened.said == []
    assert opened.page.evaluate(TOO_WIDE) == []
    opened.page.check("#s1")
    assert opened.page.locator("#v1").is_visible()
    assert not opened.page.locator("#v0").is_visible()


AXE = {
    "rules": {
        "label-content-name-mismatch": {"enabled": False}
    }  # a group of a drawing is named by its path, and shows more
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["resnet18", "googlenet"])
def test_reports_are_accessible(chromium: Any, tmp_path: Path, name: str, scheme: str) -> None:
    """By the rules of axe-core: roles, names, contrast."""
    from axe_playwright_python.sync_playwright import Axe

    model = archspec.load(name)
    found = result(model, culprit=[node.path for node in model.graph.nodes if node.op.key == "conv2d"][3])
    opened = Opened(chromium, tmp_path, report(model, backends(), found), scheme).ready()
    assert _objections(Axe().run(opened.page, options=AXE)) == []
    opened.page.evaluate(
        "document.querySelector('.verdict').style.color = 'color-mix(in srgb, currentColor 15%, transparent)'"
    )
    assert "color-contrast" in str(_objections(Axe().run(opened.page, options=AXE))), "it sees nothing"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_drawings_are_accessible(chromium: Any, tmp_path: Path, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    opened = Opened(chromium, tmp_path, str(drawing.draw(archspec.load("resnet50"), "html")), scheme)
    assert _objections(Axe().run(opened.page, options=AXE)) == []


def _objections(found: Any) -> list[str]:
    return [
        f"{each['id']}: {node['html'][:160]}" for each in found.response["violations"] for node in each["nodes"][:2]
    ]
