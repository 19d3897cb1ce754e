"""Builds the site into .site/html, and checks its links: python -m website [--pages]

With --pages its sources alone are written, into .site/docs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from website.links import broken
from website.pages import write

ROOT = Path(__file__).parent.parent
SITE = ROOT / ".site"


def main() -> None:
    shutil.rmtree(SITE, ignore_errors=True)
    count = write(SITE)
    print(f"{count} pages in {SITE / 'docs'}", flush=True)
    if "--pages" in sys.argv[1:]:
        return
    zensical = Path(sys.executable).parent / "zensical"
    subprocess.run([zensical, "build", "--config-file", SITE / "mkdocs.yml"], check=True, cwd=SITE)
    found = broken(SITE / "html")
    print(*found, sep="\n")
    print(f"{len(list((SITE / 'html').rglob('*.html')))} pages built, {len(found)} broken links")
    if found:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
