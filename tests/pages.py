"""Markdown pages of this repository, and readers of their links, headings and code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from front_door import ROOT
from markdown_it import MarkdownIt
from markdown_it.token import Token


def pages() -> list[Path]:
    """Return all Markdown files of the repository, without those of hidden folders such as .venv."""
    folders = [path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted([*ROOT.glob("*.md"), *(page for folder in folders for page in folder.rglob("*.md"))])


def section(page: Path, name: str) -> str:
    """Return the text between `<!-- name -->` and `<!-- /name -->`."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", page.read_text(), re.DOTALL)
    assert found, f"{page} has no section {name}"
    return found.group(1)


def links(page: Path) -> Iterator[str]:
    """Yield the targets of all links and pictures of a page."""
    for token in _tokens(page):
        for name in ("href", "src"):
            if token.attrGet(name):
                yield str(token.attrGet(name))
        if token.type in ("html_block", "html_inline"):
            yield from _html_links(token.content)


def anchors(page: Path) -> set[str]:
    """Return the fragments by which links name a page's headings, as GitHub makes them."""
    tokens = _tokens(page)
    headings = [tokens[k + 1].content for k, token in enumerate(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code_spans(page: Path) -> list[str]:
    """Return all texts between single backticks."""
    return [token.content for token in _tokens(page) if token.type == "code_inline"]


def _tokens(page: Path) -> list[Token]:
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(page.read_text())
    return [part for token in tokens for part in (token, *(token.children or ()))]


def _html_links(html: str) -> list[str]:
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value for name, value in attrs if name in ("href", "src", "srcset") and value)

    Reader().feed(html)
    return found
