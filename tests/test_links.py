"""Every page leads where it says: links within the repository, their fragments, and the files that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from front_door import ROOT
from pages import anchors, code_spans, links, pages

PAGES = pages()
FOLDERS = ("service", "export", "bench", "scripts", "tests", "docs", "models", "clients")
ROOMS = tuple(path.name for path in (ROOT / "service").iterdir() if (path / "__init__.py").is_file())
BUILT = ("models/vgg19.onnx",)
INVENTED = (  # by the worked examples of CONTRIBUTING.md
    "service/api/views/queue.py",
    "service/api/views/palettes.py",
    "service/worker/palette.py",
    "tests/api/test_queue_length.py",
    "tests/api/test_palettes.py",
)
FILE = re.compile(r"[\w./-]+/[\w.-]*\.(py|md|json|yaml|js|jpg|png|css)|[\w./-]+/")


def broken(page: Path, target: str) -> bool:
    """Return whether a link of a page leads nowhere in this repository; links to other hosts aren't followed."""
    if re.match(r"[a-z]+:", target):
        return False
    path, _, fragment = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    return not file.exists() or bool(fragment and fragment not in anchors(file))


def is_there(name: str) -> bool:
    """Return whether a file or folder exists that is named from the root, or from service/."""
    return (ROOT / name).exists() or (ROOT / "service" / name).exists() or name in (*BUILT, *INVENTED)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [target for target in links(page) if broken(page, target)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_is_named_is_there(page: Path) -> None:
    if page.name == "CHANGELOG.md":  # names what was at its time
        return
    named = [word for span in code_spans(page) for word in span.split() if FILE.fullmatch(word)]
    ours = [name for name in named if name.split("/")[0] in (*FOLDERS, *ROOMS)]
    assert [name for name in ours if not is_there(name)] == []


@pytest.mark.parametrize(
    "target", ["no-such.md", "README.md#no-such-heading", "#no-such-heading", "docs/no-such.jpg"]
)
def test_a_broken_link_would_be_found(target: str) -> None:
    assert broken(ROOT / "README.md", target)


def test_links_of_each_form_are_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        '[a](one) ![b](two)\n\n<picture><source srcset="three"><img src="four"></picture>\n\n[c]\n\n[c]: five'
    )
    assert list(links(page)) == ["one", "two", "three", "four", "five"]
