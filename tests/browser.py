"""A page in a real browser, for tests of its layout."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def overflow(page: str, folder: Path, width: int) -> int:
    """Return by how many pixels ``page`` is wider than a window of ``width``; the test is skipped where there is no browser."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs Chromium")
    measure = "<script>const page = document.documentElement; document.title = page.scrollWidth - page.clientWidth</script>"
    (folder / "inner.html").write_text(page.replace("</body>", f"{measure}</body>"), encoding="utf-8")
    frame = f'<iframe src="inner.html" width="{width}" height="900" style="border:0"></iframe>'
    check = "<script>onload = () => { document.title = frames[0].document.title }</script>"
    (folder / "outer.html").write_text(f"<!DOCTYPE html><title></title>{frame}{check}", encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", f"--user-data-dir={folder / 'profile'}"]
    command = [browser, *flags, "--window-size=1400,1000", "--virtual-time-budget=3000", "--dump-dom", f"file://{folder / 'outer.html'}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return int(result.stdout.partition("<title>")[2].partition("</title>")[0])
