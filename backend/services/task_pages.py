"""The task page of every template, out of crowd elements. What `piecework.domain.templates` describes, this shows."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from markupsafe import Markup

from backend.services.cell import PAGES, Cell
from backend.services.templating import is_liquid, render
from piecework.domain.templates import Template, template

FILMS = (".mp4", ".webm", ".mov", ".ogv", ".m4v")
SOUNDS = (".wav", ".mp3", ".ogg", ".oga", ".m4a", ".flac", ".opus")
Unit = Mapping[str, Any]
Labels = list[str] | tuple[str, ...]


async def served_page(cell: Cell, *given: Any, page: str | None) -> str:
    """`task_page` for an event loop: a page that may take seconds waits for its turn.

    Args:
        given: what comes before `page` there.
    """
    work = partial(task_page, *given, page=page, cell=cell)
    return await (cell.turns.run(work) if is_liquid(page or "") else run_sync(work))


def task_page(
    name: str,
    unit: Any,
    labels: Labels = (),
    options: Mapping[str, Any] | None = None,
    instructions: str = "",
    page: str | None = None,
    cell: Cell = PAGES,
) -> str:
    """The HTML of a task, for the sandboxed frame; its form's answer is what the template's schema describes.

    Args:
        name: the template's.
        unit: the unit's content.
        labels, options: the job's.
        instructions: plain text.
        page: the requester's own page, for the template `html`.
        cell: where it is filled in, if it is Liquid.

    Raises:
        Invalid: there is no such template, or the page doesn't work.
        Unavailable: too many pages are being filled in.
    """
    kind = template(name)
    if name == "html":
        return render(page or "", unit, list(labels), cell)
    compose = _COMPOSERS.get(name, _annotation)
    body = compose(kind, unit, labels, options or {})
    brief = _tag("div", {"class": "cw-short"}, instructions) if instructions else Markup("")
    path = "" if kind.element is None and name != "label" else "answer"
    if name == "label" and labels:
        path = "answer.label"
    return str(_tag("crowd-form", {"answer": path or None}, brief + body))


def _tag(name: str, attributes: Mapping[str, Any], content: Any = "") -> Markup:
    shown = Markup("").join(_attribute(key, value) for key, value in attributes.items() if value is not None and value is not False)
    return Markup("<{0}{1}>{2}</{0}>").format(name, shown, content)


def _attribute(key: str, value: Any) -> Markup:
    if value is True:
        return Markup(" {}").format(key)
    return Markup(' {}="{}"').format(key, value if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False))


def _shown(value: Any) -> Markup:
    """Whatever a unit, or a part of one, is: a text, a picture, a recording, a film, or an object as it stands."""
    if isinstance(value, str):
        return _tag("p", {"dir": "auto"}, value)
    if isinstance(value, Mapping):
        if isinstance(value.get("source-ref"), str):
            return _medium(value["source-ref"], value.get("alt") or value.get("title"))
        for key in ("source", "text"):
            if isinstance(value.get(key), str):
                return _tag("p", {"dir": "auto"}, value[key])
    return _tag("pre", {}, json.dumps(value, ensure_ascii=False, indent=2))


def _medium(address: str, words: str | None) -> Markup:
    ending = address.partition("?")[0].lower()
    if ending.endswith(SOUNDS):
        return _tag("audio", {"src": address, "controls": True, "preload": "metadata"})
    if ending.endswith(FILMS):
        return _tag("video", {"src": address, "controls": True, "preload": "metadata", "playsinline": True})
    return Markup('<img src="{}" alt="{}">').format(address, words or "What the question is about")


def _prompt(unit: Any) -> str | None:
    prompt = unit.get("prompt") if isinstance(unit, Mapping) else None
    return prompt if isinstance(prompt, str) else None


def _annotation(kind: Template, unit: Unit, labels: Labels, options: Mapping[str, Any]) -> Markup:
    """An element over a picture or a recording: its labels, its options, and a value to begin with."""
    many = "categories" if "classifier" in kind.name else "labels"
    given = {"name": "answer", "src": unit["source-ref"], many: list(labels), "alt": unit.get("alt"), "header": _prompt(unit)}
    return _tag(kind.element or "", given | dict(options) | {"initial-value": unit.get("initial-value")})


def _classifier(kind: Template, unit: Unit, labels: Labels, options: Mapping[str, Any]) -> Markup:
    given = {"name": "answer", "categories": list(labels), "header": _prompt(unit)}
    return _tag(kind.element or "", given, _tag("classification-target", {}, unit["source"]))


def _entities(kind: Template, unit: Unit, labels: Labels, options: Mapping[str, Any]) -> Markup:
    given = {"name": "answer", "text": unit["source"], "labels": list(labels), "header": _prompt(unit)}
    return _tag("crowd-entity-annotation", given | {"initial-value": unit.get("initial-value")})


def _writing(kind: Template, unit: Unit, labels: Labels, options: Mapping[str, Any]) -> Markup:
    given = {"name": "answer", "label": _prompt(unit) or kind.title, "required": True, "value": unit.get("initial-value")}
    lengths = {key: options.get(key) for key in ("rows", "min-length", "max-length", "placeholder")}
    field = _tag("crowd-text-area", given | {"max-length": 100_000} | {k: v for k, v in lengths.items() if v is not None} | {"lang": options.get("language")})
    return _tag("div", {"class": "cw-target"}, _shown(unit)) + field


def _label(kind: Template, unit: Any, labels: Labels, options: Mapping[str, Any]) -> Markup:
    target = _tag("classification-target", {}, _shown(unit))
    if labels:
        return _tag("crowd-classifier", {"name": "answer", "categories": list(labels)}, target)
    return _shown(unit) + _tag("crowd-input", {"name": "answer", "label": "Your answer", "required": True})


def _pairwise(kind: Template, unit: Unit, labels: Labels, options: Mapping[str, Any]) -> Markup:
    given = {
        "name": "answer",
        "header": _prompt(unit),
        "scale": f"1..{options.get('scale', 7)}",
        "rationale": options.get("rationale", "optional"),
        "tie": None if options.get("tie", True) else "false",
    }
    sides = (_tag("div", {"slot": side}, _shown(unit[side])) for side in ("left", "right"))
    return _tag("x-crowd-pairwise", given, Markup("").join(sides))


def _ranking(kind: Template, unit: Unit, labels: Labels, options: Mapping[str, Any]) -> Markup:
    items = (_tag("div", {"data-id": item["id"]}, _shown(item)) for item in unit["items"])
    return _tag("x-crowd-ranking", {"name": "answer", "header": _prompt(unit)}, Markup("").join(items))


def _survey(kind: Template, unit: Unit, labels: Labels, options: Mapping[str, Any]) -> Markup:
    head = _shown(unit) if unit else Markup("")
    return head + Markup("").join(_question(question) for question in options.get("questions", ()))


def _question(question: Mapping[str, Any]) -> Markup:
    name, kind, text = question["name"], question["kind"], question["text"]
    needed = question.get("required", False)
    choices = question.get("choices", ["on"])
    if kind == "radio":
        buttons = (_tag("crowd-radio-button", {"name": name, "value": choice}, choice) for choice in choices)
        return _tag("crowd-radio-group", {"label": text, "required": needed, "omit-empty": not needed}, Markup("").join(buttons))
    if kind in ("checkbox", "toggle"):
        element = "crowd-checkbox" if kind == "checkbox" else "crowd-toggle-button"
        ticks = (_tag(element, {"name": name, "value": choice}, text if choices == ["on"] else choice) for choice in choices)
        return _tag("fieldset", {"class": "cw-group"}, _tag("legend", {"class": "cw-label"}, text) + Markup("").join(ticks))
    limits = {key: question.get(key) for key in ("min", "max", "step", "max-length")}
    if kind == "slider":
        return _tag("crowd-slider", {"name": name, "label": text} | limits)
    given = {"name": name, "label": text, "type": "date" if kind == "date" else None, "required": needed}
    return _tag("crowd-input", given | limits | ({} if kind == "date" else {"max-length": limits["max-length"] or 10_000}))


_COMPOSERS: dict[str, Callable[[Template, Any, Labels, Mapping[str, Any]], Markup]] = {
    "label": _label,
    "survey": _survey,
    "pairwise": _pairwise,
    "ranking": _ranking,
    "classifier": _classifier,
    "classifier-multi-select": _classifier,
    "entity-annotation": _entities,
    "text": _writing,
    "transcription": _writing,
    "translation": _writing,
}

