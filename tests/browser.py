"""A page in a real browser, for tests of its layout."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--virtual-time-budget=3000", "--dump-dom")
_DARK = "--blink-settings=preferredColorScheme=0"


def overflow(page: str, folder: Path, width: int, *, dark: bool = False) -> int:
    """Return by how many pixels ``page`` is wider than a window of ``width``; the test is skipped where there is no browser."""
    return int(measured(page, folder, width, "document.documentElement.scrollWidth - document.documentElement.clientWidth", dark=dark))


def measured(page: str, folder: Path, width: int, what: str, *, dark: bool = False) -> str:
    """Return the value of the JavaScript expression ``what`` on ``page`` in a window of ``width``, for people who like it dark or not."""
    script = f"<script>document.title = {what}</script>"
    (folder / "inner.html").write_text(page.replace("</body>", f"{script}</body>"), encoding="utf-8")
    frame = f'<iframe src="inner.html" width="{width}" height="900" style="border:0"></iframe>'
    check = "<script>onload = () => { document.title = frames[0].document.title }</script>"
    (folder / "outer.html").write_text(f"<!DOCTYPE html><title></title>{frame}{check}", encoding="utf-8")
    result = _run(folder, "outer.html", "--window-size=1400,1000", *([_DARK] if dark else []))
    return result.stdout.partition("<title>")[2].partition("</title>")[0]


def complaints(page: str, folder: Path) -> list[str]:
    """Return what the browser writes to its console while it shows ``page``."""
    (folder / "page.html").write_text(page, encoding="utf-8")
    result = _run(folder, "page.html", "--enable-logging=stderr", "--v=0")
    return [line for line in result.stderr.splitlines() if ":CONSOLE" in line]


def _run(folder: Path, name: str, *flags: str) -> subprocess.CompletedProcess[str]:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs Chromium")
    command = [browser, *_FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, f"file://{folder / name}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
