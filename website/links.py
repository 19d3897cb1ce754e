"""Whether every link of a site leads to a file, and every fragment to a part of it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.names |= {known[key] or "" for key in ("id", "name") if known.get(key)}
        self.links += [known[key] or "" for key in ("href", "src") if known.get(key)]


def broken(folder: Path) -> list[str]:
    """The links below a folder that lead nowhere, each with its page. Links to elsewhere are not followed."""
    pages = {path.resolve(): _Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    found = []
    for path, page in pages.items():
        if path.name == "404.html":  # whose links are those of wherever it is shown
            continue
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            fragment = unquote(parts.fragment)
            if not target.is_file():
                found.append(f"{path.relative_to(folder.resolve())}: {link}: no such file")
            elif fragment and target in pages and fragment not in pages[target].names:
                found.append(f"{path.relative_to(folder.resolve())}: {link}: no such part")
    return found
