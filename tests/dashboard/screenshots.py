"""Writes docs/img: views of a simulated shop, light and dark, on a desk and on a phone (`make screenshots`)."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import date
from pathlib import Path

from playwright.sync_api import sync_playwright

from ecomm.simulate import simulate
from tests.dashboard.conftest import serving
from tests.shop import Shop

INTO = Path(__file__).parents[2] / "docs" / "img"
DESK, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
START, DAYS = date(2026, 6, 1), 92  # after so many days one batch waits for a file
SHOTS = {
    "overview-light": ("overview", "light", DESK),
    "overview-dark": ("overview", "dark", DESK),
    "customers-light": ("customers", "light", DESK),
    "products-dark": ("products", "dark", DESK),
    "history-light": ("history?source=products&key=SP0015", "light", DESK),
    "quality-light": ("quality", "light", DESK),
    "quality-dark": ("quality", "dark", DESK),
    "operations-light": ("operations", "light", DESK),
    "overview-phone": ("overview", "light", PHONE),
    "quality-phone": ("quality", "dark", PHONE),
}


def main() -> None:
    """Publish three months in a folder of their own, and take a picture of each view."""
    found = os.environ.get("ECOMM_CHROMIUM") or shutil.which("chromium")
    if not found:
        raise SystemExit("there is no chromium here: install it, or name one with ECOMM_CHROMIUM.")
    INTO.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder))
        simulate(shop.settings, DAYS, start=START)
        shop.run()
        with serving(shop) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--hide-scrollbars"])
            for name, (view, scheme, size) in SHOTS.items():
                context = browser.new_context(
                    viewport=size,  # type: ignore[arg-type]
                    color_scheme="dark" if scheme == "dark" else "light",
                    reduced_motion="reduce",
                    device_scale_factor=1 if size is DESK else 2,
                )
                page = context.new_page()
                page.goto(f"{address}/#/{view}")
                page.locator(".loaded").first.wait_for()
                page.wait_for_timeout(700)  # the charts
                page.screenshot(path=INTO / f"{name}.png")
                context.close()
            browser.close()


if __name__ == "__main__":
    main()
