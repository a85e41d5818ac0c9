"""Makes docs/images/report.png: ``make screenshot``."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from agentlab.scenarios.report import html
from tests.scenarios.report.sample import sample
from tests.support.chromium import chromium, find

TARGET = Path(__file__).parents[2] / "docs" / "images" / "report.png"
WIDTH = 960  # CSS pixels


def main() -> int:
    """Show the sample's passed, drifted and failed scenario, down to what the last one failed."""
    browser = find()
    if browser is None:
        print("no Chromium on the PATH", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name, chromium(browser, Path(name, "profile")) as page:
        suite = sample(Path(name))
        passed, failed, drifted, *_ = suite.results
        report = Path(name, "report.html")
        report.write_text(html(replace(suite, results=[passed, drifted, failed])), "utf-8")
        page.size(WIDTH, 900)
        page.open(report.as_uri())
        page.js("document.querySelector('#s2 .step > details').open = true")
        end = "Math.ceil(document.querySelector('#s3 .trajectory').getBoundingClientRect().top)"
        page.size(WIDTH, page.js(end))
        page.settle()
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_bytes(page.screenshot())
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
