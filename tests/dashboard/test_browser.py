"""The page in a real browser: its numbers, its upkeep, and whether everybody can use it."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from ecomm.dashboard.static import write
from ecomm.money import shown
from tests.dashboard.conftest import drifted, eventful, get, serving
from tests.shop import DAYS, Shop

pytestmark = pytest.mark.browser

VIEWS = (
    "overview",
    "customers",
    "products",
    "history",
    "history?q=P00",
    "history?source=products&key=P003",
    "quality",
    "operations",
)
# What has the focus, and whether that can be seen: by an outline, or by a ring around a field's form.
FOCUS = """() => {
    const at = document.activeElement;
    const form = at.closest('form');
    const ring = form && getComputedStyle(form).boxShadow !== 'none';
    return [at.textContent.trim(), at === document.body || ring || getComputedStyle(at).outlineStyle !== 'none'];
}"""
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
READY = ".loaded, .blank"
UNFOLD = "[...document.querySelectorAll('main button[aria-expanded=false]')].slice(0, 3).forEach((b) => b.click())"


@contextmanager
def page_of(chromium: Browser, **options: Any) -> Iterator[tuple[Page, list[str]]]:
    """A fresh page, and what went wrong in it."""
    context = chromium.new_context(viewport=options.pop("viewport", DESK), reduced_motion="reduce", **options)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: wrong.append(str(e)))
    try:
        yield page, wrong
    finally:
        context.close()


@pytest.fixture(scope="module")
def address(sample: Shop) -> Iterator[str]:
    with serving(sample) as at:
        yield at


def opened(page: Page, address: str, view: str) -> None:
    page.goto(f"{address}/#/{view}")
    page.locator(READY).first.wait_for()
    expect(page.locator(".skeleton")).to_have_count(0)


def test_the_numbers_on_the_page_are_those_of_the_tables(chromium: Browser, address: str, sample: Shop) -> None:
    summary = max(sample.warehouse.table("analytics_summary").to_pylist(), key=lambda r: r["as_of"])
    products = sorted(
        sample.warehouse.table("product_analytics").to_pylist(), key=lambda r: (-r["revenue"], r["product_id"])
    )
    with page_of(chromium) as (page, wrong):
        opened(page, address, "overview")
        for kpi in page.locator("[data-kpi]").all():
            value = summary[str(kpi.get_attribute("data-kpi"))]
            full = f"${value:,.2f}" if isinstance(value, Decimal) else f"{value:,}"
            assert kpi.get_attribute("title") == full
            assert kpi.inner_text() in (full, f"${value:,.0f}")
        opened(page, address, "products")
        cells = page.locator("tbody tr").first.locator("th, td").all_inner_texts()
        assert cells[0].split("\n")[0] == products[0]["product_name"]
        assert f"${products[0]['revenue']:,.2f}" in cells
        page.get_by_role("link", name="Next").click()
        expect(page.get_by_text("Page 2 of")).to_be_visible()
        expect(page.locator("tbody tr").first).to_contain_text(products[25]["product_name"])
        assert wrong == []


def test_the_first_paint_comes_soon(chromium: Browser, address: str, record_property: Any) -> None:
    with page_of(chromium) as (page, _):
        opened(page, address, "overview")
        page.evaluate("performance.mark('figures')")
        page.reload()
        page.locator("[data-kpi]").first.wait_for()
        figures = page.evaluate("performance.now()")
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    record_property("first_paint_ms", round(paint))
    record_property("figures_ms", round(figures))
    print(f"first paint {paint:.0f} ms, key figures {figures:.0f} ms")
    assert paint < 1000
    assert figures < 3000  # with what else runs on the machine


@pytest.mark.long
def test_a_batch_appears_by_itself_and_never_half(chromium: Browser, shop: Shop) -> None:
    shop.drop_sample(DAYS[0])
    shop.run()
    with serving(shop) as at, page_of(chromium) as (page, wrong):
        opened(page, at, "overview")
        page.evaluate(
            """() => {
                window.seen = new Set();
                const look = () => {
                    const marked = [...document.querySelectorAll('[data-entry]')].map((e) => e.dataset.entry);
                    const revenue = document.querySelector('[data-kpi=revenue]');
                    const orders = document.querySelector('[data-kpi=orders]');
                    if (revenue && orders) {
                        const shown = [...new Set(marked), revenue.dataset.value, orders.dataset.value];
                        window.seen.add(JSON.stringify(shown));
                    }
                    requestAnimationFrame(look);
                };
                look();
            }"""
        )
        shop.drop_sample(DAYS[1])
        shop.run()
        summary = {r["batch_id"]: r for r in shop.warehouse.table("analytics_summary").to_pylist()}
        now = summary["batch_2025_01_16"]
        expect(page.locator("[data-kpi=revenue]")).to_have_attribute(
            "data-value", shown(now["revenue"]), timeout=20_000
        )
        expect(page.locator(".fresh")).to_contain_text("batch_2025_01_16")
        seen = [json.loads(s) for s in page.evaluate("[...window.seen]")]
        assert wrong == []
    assert all(len(s) == 3 for s in seen), seen  # one entry each time
    states = {(revenue, int(orders)) for _, revenue, orders in seen}
    assert states == {(shown(r["revenue"]), r["orders"]) for r in summary.values()}


def test_a_server_that_is_gone_is_said_and_comes_back(chromium: Browser, sample: Shop) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with page_of(chromium) as (page, _):
        with serving(sample, port=port) as at:
            opened(page, at, "overview")
            expect(page.locator(".banner")).to_have_count(0)
        expect(page.locator(".banner")).to_contain_text("Connection lost. Showing data of", timeout=10_000)
        expect(page.locator("[data-kpi=revenue]")).to_be_visible()
        with serving(sample, port=port):
            expect(page.locator(".banner")).to_have_count(0, timeout=20_000)
            page.get_by_role("link", name="Operations").click()
            expect(page.get_by_role("heading", name="Ledger")).to_be_visible()


@pytest.mark.long
def test_without_a_warehouse_it_says_what_to_do_and_follows(chromium: Browser, shop: Shop) -> None:
    with serving(shop) as at, page_of(chromium) as (page, _):
        page.goto(at)
        expect(page.get_by_role("heading", name="Nothing is published yet")).to_be_visible()
        expect(page.get_by_text("ecomm run", exact=True)).to_be_visible()
        shop.drop_sample(DAYS[0])
        shop.run()
        expect(page.locator("[data-kpi=revenue]")).to_be_visible(timeout=20_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(chromium: Browser, address: str, scheme: Any) -> None:
    axe = Axe()
    with page_of(chromium, color_scheme=scheme) as (page, wrong):
        for view in VIEWS:
            opened(page, address, view)
            page.evaluate(UNFOLD)
            expect(page.locator(".skeleton")).to_have_count(0)
            found = axe.run(page)
            assert found.violations_count == 0, f"{view}, {scheme}: {found.generate_report()}"
        assert wrong == []


def test_a_phone_shows_all_of_it_without_scrolling_sideways(chromium: Browser, address: str) -> None:
    axe = Axe()
    with page_of(chromium, viewport=PHONE, is_mobile=True, has_touch=True) as (page, wrong):
        for view in VIEWS:
            opened(page, address, view)
            page.evaluate(UNFOLD)
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], view
        assert axe.run(page).violations_count == 0
        assert wrong == []


@pytest.mark.long
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_what_is_not_there_is_said_in_words(chromium: Browser, shop: Shop, size: Any) -> None:
    """A shop that sends orders alone, one batch of which was read once more, one undone, and one held."""
    eventful(shop)
    with serving(shop) as at, page_of(chromium, viewport=size) as (page, wrong):
        for view in VIEWS:
            opened(page, at, view)
            said = page.locator("main").inner_text()
            assert not re.search(r"NaN|undefined|null|Infinity|Invalid|\[object", said), (view, said)
        for state in ("Held", "Undone", "Replayed"):
            expect(page.locator(".badge", has_text=state).first).to_be_visible()
        page.locator(".runlist a", has_text="day 1").first.click()
        expect(page.locator(".gantt tr", has_text="Customers stage load")).to_contain_text("nothing to do")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert wrong == []


def test_a_keyboard_reaches_all_of_it(chromium: Browser, address: str) -> None:
    with page_of(chromium) as (page, _):
        opened(page, address, "overview")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        reached: set[str] = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            at, seen = page.evaluate(FOCUS)
            reached.add(at)
            assert seen, at
        assert {"Orders", "30 d", "Show as table", "All products", "All customers"} <= reached
        page.keyboard.press("/")
        expect(page.get_by_label("Find an order, customer or product")).to_be_focused()
        page.keyboard.type("P003")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Product P003")).to_be_visible()
        expect(page).to_have_url(re.compile("source=products&key=P003|key=P003&source=products"))
        page.get_by_role("link", name="Quality").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Quality", level=1)).to_be_focused()


def test_a_finding_opens_to_masked_rows(chromium: Browser, address: str, sample: Shop) -> None:
    quality = get(f"{address}/api/quality")
    finding = next(
        f for f in quality["batch"]["findings"] if f["source"] == "customers" and f["check"] != "line_malformed"
    )
    with page_of(chromium) as (page, wrong):
        opened(page, address, f"quality?level={finding['level']}")
        if page.get_by_role("button", name="Show all").count():
            page.get_by_role("button", name="Show all").first.click()
        page.locator(f"[aria-controls='rows-customers-{finding['check']}']").click()
        row = page.locator(".row").first
        expect(row).to_be_visible()
        expect(row).to_contain_text("•••••")
        assert wrong == []


@pytest.mark.long
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_lost_column_is_a_sentence_and_an_unread_file_comes_with_advice(
    chromium: Browser, shop: Shop, size: Any
) -> None:
    with serving(drifted(shop)) as at, page_of(chromium, viewport=size) as (page, wrong):
        opened(page, at, "quality")
        lost = page.locator(".findings > li", has_text="Column disappeared")
        expect(lost).to_contain_text("day2.csv lacks the column till, which batch day 1 had.")
        expect(lost.get_by_role("button")).to_have_count(0)
        word = page.locator(".findings > li", has_text="Order status known")
        word.get_by_role("button").click()
        expect(word.locator(".row")).to_contain_text("O2")
        assert Axe().run(page).violations_count == 0
        opened(page, at, "operations")
        waiting = page.locator(".attention")
        expect(waiting).to_contain_text("No trigger lists it; ecomm trigger 'day 3.csv' makes it a batch.")
        expect(waiting).to_contain_text("old Excel workbook")
        assert Axe().run(page).violations_count == 0
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert wrong == []


def test_the_theme_is_remembered(chromium: Browser, address: str) -> None:
    with page_of(chromium) as (page, _):
        opened(page, address, "overview")
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.get_by_role("button", name="Theme: system").click()
        page.get_by_role("button", name="Theme: light").click()
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert dark != light
        page.reload()
        expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark


@pytest.mark.long
def test_a_copy_opens_from_disk(chromium: Browser, sample: Shop, tmp_path: Path) -> None:
    home = write(sample.settings, tmp_path / "copy").as_uri()
    with page_of(chromium) as (page, wrong):
        asked: list[str] = []
        page.on("request", lambda r: asked.append(r.url))
        for view in (
            *VIEWS,
            "customers?customer_segment=VIP&sort=-orders",
            "products?search=linen",
            "quality?level=LOW",
        ):
            page.goto("about:blank")
            page.goto(f"{home}#/{view}")
            page.locator(READY).first.wait_for()
            expect(page.locator(".problem")).to_have_count(0)
        page.goto("about:blank")
        page.goto(f"{home}#/overview")
        expect(page.locator(".chart canvas").first).to_be_visible()
        assert wrong == []
        assert all(url.startswith(("file:", "about:", "data:")) for url in asked)
