"""A real Chromium, without display or network, for tests that open pages."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
MISSING = "needs Chromium and its driver: apt-get install chromium chromium-driver"
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--hide-scrollbars",
    "--disable-dev-shm-usage",
)  # fmt: skip


class Browser:
    """A page that is open, and what happened on it."""

    def __init__(self, driver: Any, downloads: Path) -> None:
        self.driver = driver
        self.downloads = downloads
        # Devices keep what was last set; a test begins from a desktop's.
        self.device()

    def device(self, width: int = 1280, height: int = 900, mobile: bool = False, **media: str) -> None:
        """A screen of that size in CSS pixels; ``media`` as prefers_color_scheme="dark", medium="print"."""
        medium = media.pop("medium", "")
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
        )
        self.command("Emulation.setTouchEmulationEnabled", enabled=mobile)
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in media.items()]
        self.command("Emulation.setEmulatedMedia", media=medium, features=features)

    def open(self, page: Path, draw: bool = True) -> None:
        """Open a page from disk; with ``draw``, wait until every plot is drawn, in view or not."""
        self.events()
        self.driver.get(page.resolve().as_uri())
        if draw:
            self.script("document.querySelectorAll('.plot').forEach(place => window.draw(place))")
            self.wait("[...document.querySelectorAll('.plot')].every(place => place.querySelector('.main-svg'))")

    def wait(self, condition: str, seconds: float = 20.0) -> None:
        """Until a JavaScript expression is true."""
        deadline = time.monotonic() + seconds
        while not self.script(f"return Boolean({condition})"):
            assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
            time.sleep(0.05)

    def script(self, text: str, *arguments: Any) -> Any:
        """Run JavaScript in the page."""
        return self.driver.execute_script(text, *arguments)

    def command(self, name: str, **parameters: Any) -> Any:
        """A command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def events(self) -> list[dict[str, Any]]:
        """What the DevTools protocol said since it was last asked."""
        return [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]

    def requests(self) -> list[str]:
        """Addresses that were asked for since the page was opened."""
        return [
            event["params"]["request"]["url"]
            for event in self.events()
            if event["method"] == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[str]:
        """Errors and warnings on the console since the page was opened."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def press(self, key: str) -> None:
        """A key on whatever has the focus."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(key).perform()

    def downloaded(self, name: str, seconds: float = 10.0) -> str:
        """The text of a file that the page had the browser save."""
        deadline = time.monotonic() + seconds
        while not (self.downloads / name).exists():
            assert time.monotonic() < deadline, f"{name} was not downloaded: {list(self.downloads.iterdir())}"
            time.sleep(0.05)
        return (self.downloads / name).read_bytes().decode()

    def picture(self, path: Path, whole: bool = True) -> None:
        """A PNG of the page, the whole of it or what the screen shows."""
        answer = self.command("Page.captureScreenshot", captureBeyondViewport=whole, format="png")
        path.write_bytes(base64.b64decode(answer["data"]))

    def pdf(self) -> bytes:
        """The page as it would be printed on A4."""
        answer = self.command("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=False)
        return base64.b64decode(answer["data"])


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """A browser of its own, with its profile and downloads in ``folder``."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    downloads = folder / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.add_experimental_option(
        "prefs", {"download.default_directory": str(downloads), "download.prompt_for_download": False}
    )
    driver = webdriver.Chrome(options, Service(str(DRIVER)))
    try:
        driver.execute_cdp_cmd("Network.enable", {})
        yield Browser(driver, downloads)
    finally:
        driver.quit()
