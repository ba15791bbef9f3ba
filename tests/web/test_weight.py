"""How much script and style a page loads by itself: every template of a page, and every kind of task, by what they name and import.

What a press brings first (`import()`: the wallet) doesn't count, and a requester's preview of a task is a page of its own in its frame.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from backend.web import frame, gallery
from piecework.domain.templates import TEMPLATES
from tests.web.test_gallery import MOST_BYTES

TEMPLATE, STATIC = frame.HERE / "templates", frame.HERE / "static"
NAMED = re.compile(r"""(?:href|src)="/static/([\w/.-]+\.(?:js|css))\"""")
SHOWS_TASKS = ("gallery.html", "task.html")
"""Pages whose content is a task; its frame counts with them."""
IMPORTED = re.compile(r"""(?:from|import)\s*"([\w/.-]+\.js)\"""")
BUILT_ON = re.compile(r"""{%\s*(?:extends|include|from|import) "([\w/.-]+\.html)\"""")
LATER = dict(re.findall(r'"([\w-]+)": \["(\w+)", "\w+"\]', (STATIC / "crowd" / "crowd.js").read_text()))
"""The file that an element comes in where a task uses it."""
PICTURES = ("shapes", "masks")
"""What annotates pictures may weigh more."""
TEXTS = {path.relative_to(TEMPLATE).as_posix(): path.read_text() for path in TEMPLATE.rglob("*.html")}


def built_of(name: str) -> Iterator[str]:
    """A template and all that it is made of."""
    yield name
    for other in BUILT_ON.findall(TEXTS[name]):
        yield from built_of(other)


def is_page(name: str) -> bool:
    """Whether it is whole, and no part of others."""
    return any("<!doctype html>" in TEXTS[part] for part in built_of(name))


@cache
def imported(path: Path) -> frozenset[Path]:
    """A file and every script that it can come to import."""
    found, waiting = set(), [path.resolve()]
    while waiting:
        if (one := waiting.pop()) not in found:
            found.add(one)
            texts = IMPORTED.findall(one.read_text()) if one.suffix == ".js" else []
            waiting += [(STATIC / text.removeprefix("/static/") if text.startswith("/") else one.parent / text).resolve() for text in texts]
    return frozenset(found)


def files(name: str) -> set[Path]:
    """Script and style of a page by its template."""
    named = {STATIC / path for part in built_of(name) for path in NAMED.findall(TEXTS[part])}
    return set().union(*map(imported, named))


def framed(html: str = "") -> set[Path]:
    """What a task's frame loads, with the elements in its page."""
    named = [STATIC / path for path in NAMED.findall(frame.SHELL)]
    later = [STATIC / "crowd" / f"{file}.js" for tag, file in LATER.items() if f"<{tag}" in html]
    return set().union(*map(imported, [*named, *later]))


def weight(paths: set[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


@pytest.mark.parametrize("name", sorted(filter(is_page, TEXTS)))
def test_a_page_weighs_little(name: str) -> None:
    assert 3_000 < weight(files(name)) < MOST_BYTES


@pytest.mark.parametrize("name", [*TEMPLATES, gallery.COMPONENTS])
def test_a_kind_of_task_weighs_little_wherever_it_is_shown(name: str) -> None:
    task = framed(gallery._task(name))
    assert 30_000 < weight(task) < MOST_BYTES
    if name != gallery.COMPONENTS and not task & {STATIC / "crowd" / f"{file}.js" for file in PICTURES}:
        for shown_on in SHOWS_TASKS:
            assert weight(files(shown_on) | task) < MOST_BYTES, shown_on


def test_what_is_counted_is_what_pages_come_to_load() -> None:
    found = {path.relative_to(STATIC).as_posix() for path in files("hire/new.html")}
    assert {"piecework.css", "hire/hire.css", "header.js", "hire/more.js", "hire/draft.js", "crowd/host.js"} <= found and "wallet.js" not in found
    assert {name for name in filter(is_page, TEXTS) if "/crowd/" in str(files(name))} == {*SHOWS_TASKS, "hire/new.html", "hire/review.html"}
    assert {STATIC / "crowd" / file for file in ("frame.js", "choices.js", "crowd.css")} <= framed()
    assert STATIC / "crowd" / "entities.js" in framed("<crowd-entity-annotation>") and STATIC / "crowd" / "compare.js" in framed("<x-crowd-ranking>")
    assert len(LATER) > 9 and sum(map(is_page, TEXTS)) > 25 and not is_page("parts.html")
