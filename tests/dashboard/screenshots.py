"""Writes docs/img: views of two invented shops, light and dark, on a desk and on a phone (`make screenshots`)."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, sync_playwright

from ecomm.simulate import simulate
from tests.dashboard.conftest import serving
from tests.dashboard.invoices import LONG, invoices
from tests.shop import Shop

INTO = Path(__file__).parents[2] / "docs" / "img"
DESK, HIGHER, PHONE = {"width": 1280, "height": 860}, {"width": 1280, "height": 1000}, {"width": 390, "height": 844}
START, DAYS = date(2026, 6, 1), 47  # after so many days one batch waits for a file


class Shot(NamedTuple):
    """A view, and the id of what is unfolded in it."""

    view: str
    scheme: str
    size: dict[str, int]
    unfold: str = ""


SIMULATED = {
    "overview-light": Shot("overview", "light", DESK),
    "history-light": Shot("history?source=products&key=SP0015", "light", DESK),
    "operations-light": Shot("operations", "light", DESK),
    "overview-phone": Shot("overview", "light", PHONE),
}
INVOICES = {
    "lines-overview": Shot("overview?days=30", "light", DESK),
    "lines-history": Shot(f"history?source=orders&key={LONG}", "light", HIGHER),
    "lines-findings": Shot("quality", "light", HIGHER, "rows-orders-order_status_known"),
    "lines-waiting": Shot("operations", "dark", DESK),
}


def take(browser: Browser, address: str, shots: Mapping[str, Shot]) -> None:
    """A picture of each view of a shop."""
    for name, (view, scheme, size, unfold) in shots.items():
        context = browser.new_context(
            viewport=size,  # type: ignore[arg-type]
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
            device_scale_factor=2 if size is PHONE else 1,
        )
        page = context.new_page()
        page.goto(f"{address}/#/{view}")
        page.locator(".loaded").first.wait_for()
        if unfold:
            page.locator(f"[aria-controls='{unfold}']").click()
            page.locator(".row").first.wait_for()
        page.wait_for_timeout(700)  # the charts
        page.screenshot(path=INTO / f"{name}.png")
        context.close()


def main() -> None:
    """Publish both shops in folders of their own, and take a picture of each view."""
    found = os.environ.get("ECOMM_CHROMIUM") or shutil.which("chromium")
    if not found:
        raise SystemExit("there is no chromium here: install it, or name one with ECOMM_CHROMIUM.")
    INTO.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        simulated = Shop(Path(folder) / "simulated")
        simulate(simulated.settings, DAYS, start=START)
        simulated.run()
        of_lines, config = invoices(Path(folder) / "invoices")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--hide-scrollbars"])
        with serving(simulated) as address:
            take(browser, address, SIMULATED)
        with serving(of_lines, "--config", str(config)) as address:
            take(browser, address, INVOICES)
        browser.close()


if __name__ == "__main__":
    main()
