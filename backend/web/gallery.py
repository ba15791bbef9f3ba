"""The gallery: every template with sample data, and every component in its states. It needs no chain and no database."""

import re
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from backend.services.task_pages import task_page
from backend.web import samples
from piecework.domain.errors import NotFound
from piecework.domain.templates import TEMPLATES, Template

HERE = Path(__file__).parent

router = APIRouter(include_in_schema=False)
_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {"content-security-policy": POLICY, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
COMPONENTS = "components"


@router.get("/gallery")
def gallery() -> Response:
    """Every template, each in a frame of its own, and the components."""
    return _page(list(TEMPLATES.values()), whole=True)


@router.get("/gallery/sample.wav")
def recording(request: Request) -> Response:
    """Something to listen to; in parts, too, since a browser seeks in nothing else."""
    whole, headers = _sound(), {"access-control-allow-origin": "*", "accept-ranges": "bytes"}
    asked = re.fullmatch(r"bytes=(\d{1,9})-(\d{0,9})", request.headers.get("range", ""))
    if asked is None or int(asked[1]) >= len(whole):
        return Response(whole, headers=headers, media_type="audio/wav")
    first, last = int(asked[1]), min(int(asked[2] or len(whole)), len(whole) - 1)
    headers["content-range"] = f"bytes {first}-{last}/{len(whole)}"
    return Response(whole[first : last + 1], 206, headers, "audio/wav")


@router.get("/gallery/tasks/{name}.html")
def task(name: str) -> Response:
    """The page of one sample as text, which the frame is given."""
    return Response(_task(name), headers={"x-content-type-options": "nosniff"}, media_type="text/plain; charset=utf-8")


@router.get("/gallery/{name}")
def one(name: str) -> Response:
    """One template alone."""
    if name != COMPONENTS and name not in TEMPLATES:
        raise NotFound(f"There is no template '{name}'.")
    return _page([TEMPLATES[name]] if name in TEMPLATES else [], whole=False)


def _task(name: str) -> str:
    if name == COMPONENTS:
        return (HERE / "templates" / "components.html").read_text(encoding="utf-8")
    if name not in TEMPLATES:
        raise NotFound(f"There is no template '{name}'.")
    shown = samples.sample(name)
    return task_page(name, shown.unit, shown.labels, shown.options, shown.instructions, shown.page)


@cache
def _sound() -> bytes:
    return samples.sound()


def _page(kinds: list[Template], whole: bool) -> Response:
    html = _templates.get_template("gallery.html").render(kinds=kinds, whole=whole)
    return Response(html, headers=HEADERS, media_type="text/html; charset=utf-8")
