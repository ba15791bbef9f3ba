"""What stands in a worker's sandboxed frame: a requester's own page as it came, or the page that asks a QuestionForm.

Such a page is a stranger's, so it gets an origin that is nobody's (`FRAME_HEADERS`): it reaches no session, no wallet and no page of ours.
It may load what it likes from elsewhere, as these pages always did.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from backend.mturk.form import Asked, Block, Choice, Form, Text
from backend.mturk.questions import served
from piecework.domain.errors import Invalid

FRAME_HEADERS = {
    "content-security-policy": "; ".join(
        (
            "sandbox allow-scripts allow-forms allow-popups allow-popups-to-escape-sandbox allow-downloads",
            "default-src 'self' https: data: blob: 'unsafe-inline' 'unsafe-eval'",
            "object-src 'none'",
            "frame-ancestors 'self'",
        )
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), clipboard-read=()",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "private, no-store",
}
SAID_HEADERS = FRAME_HEADERS | {"content-security-policy": "default-src 'none'; style-src 'self'; sandbox"}
"""For our own sentence after an answer, which also stands in the frame of a page from elsewhere."""
_HEAD = Markup(
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
)
_SCRIPTS = Markup('<script src="/static/crowd/shield.js"></script><script src="/static/crowd/size.js"></script>')
_STYLE = Markup('<link rel="stylesheet" href="/static/crowd/crowd.css">')
_QUESTIONS = Markup('<link rel="stylesheet" href="/static/crowd/question.css"><title>Questions</title>')
_RELATIVE = re.compile(r"""(\saction\s*=\s*["']?)/mturk/externalSubmit""", re.IGNORECASE)
_FORM = re.compile(r"<form\b|<crowd-form\b|createElement\(.form|externalSubmit", re.IGNORECASE)
_MEDIA = {"image": "img", "audio": "audio", "video": "video"}
_LISTS = ("list", "dropdown", "combobox")


def own_page(content: str, submit_to: str) -> str:
    """A requester's page as it goes to the browser: Amazon's addresses, which are gone, lead to `submit_to`; wallets are taken out. One
    that has no form gets one around it, as what was laid out on Amazon's pages did."""
    page = _RELATIVE.sub(lambda found: f"{found[1]}{submit_to}/mturk/externalSubmit", served(content, submit_to))
    if not _FORM.search(page):
        page = _tag("form", Markup(page) + _send("Submit"), method="post", action=f"{submit_to}/mturk/externalSubmit")
    return _HEAD + _SCRIPTS + Markup(page)


class Faulty(Invalid):
    """Answers that break their form.

    Args:
        form, action, fields, button: as `form_page` has them.
        wrong: what is wrong, by question.
    """

    def __init__(self, form: Form, action: str, fields: Sequence[tuple[str, str]], wrong: Mapping[str, str], button: str = "Submit answer") -> None:
        name, why = next(iter(wrong.items()))
        super().__init__(f"{name}: {why}")
        self.page = form_page(form, action, fields, wrong, button)


def said_page(title: str, sentence: str) -> str:
    """A sentence of ours."""
    return _HEAD + _STYLE + Markup('<title>{}</title><p role="status">{}</p>').format(title, sentence)


def form_page(
    form: Form, action: str, given: Sequence[tuple[str, str]] = (), faults: Mapping[str, str] | None = None, button: str = "Submit answer"
) -> str:
    """A form of questions that is sent to `action`; it works without scripts.

    Args:
        given: the fields that were sent before, to go on with.
        faults: what is wrong with them, by question.
        button: what sends it.
    """
    wrong, kept = faults or {}, _Kept(given)
    parts = Markup("").join(
        _asked(number, part, kept, wrong.get(part.identifier)) if isinstance(part, Asked) else _content(part)
        for number, part in enumerate(form.parts)
    )
    others = Markup("").join(_problem(f"{name}: {why}") for name, why in wrong.items() if name not in {one.identifier for one in form.asked})
    form_tag = _tag("form", parts + others + _send(button), method="post", action=action)
    return _HEAD + _SCRIPTS + _STYLE + _QUESTIONS + form_tag


def _send(button: str) -> Markup:
    return _tag("p", _tag("button", button, class_="cw-button cw-primary"), class_="cw-actions")


class _Kept:
    """Fields that were sent before."""

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        self._fields, self.any = fields, bool(fields)

    def text(self, name: str, default: str = "") -> str:
        return next((value for field, value in self._fields if field == name), "" if self.any else default)

    def has(self, name: str, value: str) -> bool:
        return (name, value) in self._fields


def _tag(name: str, content: Any, /, **given: Any) -> Markup:
    shown = Markup("").join(
        Markup(" {}").format(key) if value is True else Markup(' {}="{}"').format(key, value)
        for key, value in ((key.rstrip("_").replace("_", "-"), value) for key, value in given.items())
        if value not in (None, False)
    )
    return Markup("<{0}{1}>").format(name, shown) + ("" if content is None else Markup("{}</{}>").format(content, name))


def _problem(sentence: str | None, **given: Any) -> Markup:
    return Markup("") if sentence is None else _tag("p", sentence, class_="cw-problem", role="alert", **given)


def _content(blocks: Sequence[Block]) -> Markup:
    return Markup("").join(map(_block, blocks))


def _block(block: Block) -> Markup:
    if block.kind in ("Binary", "EmbeddedBinary"):
        return _medium(*block.values)
    if block.kind == "List":
        return _tag("ul", Markup("").join(_tag("li", item) for item in block.values))
    if block.kind == "FormattedContent":
        return Markup(block.values[0])  # the requester's own markup, in an origin that is nobody's
    if block.kind == "Application":
        return _tag("p", "An applet or a Flash film stood here, which no browser shows any more.", class_="cw-state")
    return _tag("h2" if block.kind == "Title" else "p", block.values[0], dir="auto", class_=None if block.kind == "Title" else "cw-text")


def _medium(mime: str, url: str, words: str) -> Markup:
    kind = _MEDIA.get(mime.partition("/")[0].lower().strip())
    if kind is None:
        return _tag("p", _tag("a", words or url, href=url, target="_blank", rel="noopener noreferrer"))
    if kind == "img":
        return _tag("img", None, src=url, alt=words)
    return _tag(kind, words, src=url, controls=True, preload="metadata", aria_label=words or None)


def _asked(number: int, asked: Asked, kept: _Kept, fault: str | None) -> Markup:
    """A question: a group named by its content, what it takes, and what is wrong with what it was given."""
    about, wrong = f"q{number}", f"w{number}"
    by = {"aria_labelledby": about, "aria_describedby": wrong if fault else None, "aria_invalid": "true" if fault else None}
    content = _tag("div", _content(asked.content), id=about, class_="cw-asked")
    name = _tag("h3", asked.display_name) if asked.display_name else Markup("")
    must = _tag("p", "Needed", class_="cw-required") if asked.required else Markup("")
    if isinstance(asked.answer, Text):
        takes = _text(asked, asked.answer, kept, by)
    elif isinstance(asked.answer, Choice):
        takes = _choice(asked, asked.answer, kept, by)
    else:
        takes = _tag("p", "A file was asked for here, which can't be sent: leave this out.", class_="cw-state")
    return _tag("section", name + content + must + takes + _problem(fault, id=wrong), class_="cw-question", data_wrong=bool(fault))


def _text(asked: Asked, text: Text, kept: _Kept, by: Mapping[str, Any], name: str = "") -> Markup:
    name = name or asked.identifier
    value = kept.text(name, text.default)
    common = {"name": name, "class_": "cw-field", "dir": "auto", "required": asked.required or bool(text.shortest), **by}
    if text.lines > 1:
        return _tag("textarea", Markup("\n{}").format(value), rows=min(text.lines, 30), **common)
    return _tag("input", None, value=value, inputmode="decimal" if text.numeric else None, autocomplete="off", **common)


def _choice(asked: Asked, choice: Choice, kept: _Kept, by: Mapping[str, Any]) -> Markup:
    name = asked.identifier
    if choice.most == 1 and choice.style in _LISTS and all(shown.kind == "Text" for _, shown in choice.selections):
        options = [_tag("option", "Choose …", value="")]
        options += [_tag("option", shown.values[0], value=value, selected=kept.has(name, value)) for value, shown in choice.selections]
        needed = asked.required and choice.least > 0 and choice.other is None
        found = _tag("select", Markup("").join(options), name=name, class_="cw-field", required=needed, **by)
    else:
        found = _tag("div", Markup("").join(_pick(asked, choice, *one, kept) for one in choice.selections), role="group", class_="cw-choices", **by)
    if choice.other is None:
        return found
    other = Asked(name, (), choice.other)
    label = _tag("span", "Something else", class_="cw-label")
    return found + _tag("label", label + _text(other, choice.other, kept, {}, f"{name}.other"))


def _pick(asked: Asked, choice: Choice, value: str, shown: Block, kept: _Kept) -> Markup:
    single = choice.most == 1 and (asked.required or choice.least > 0) and choice.other is None
    kind = "radio" if single else "checkbox"  # a button once pressed can't be let go
    needed = single and asked.required
    ticked = _tag("input", None, type=kind, name=asked.identifier, value=value, checked=kept.has(asked.identifier, value), required=needed)
    words = shown.values[0] if shown.kind == "Text" else _block(shown)
    return _tag("label", ticked + _tag("span", words, dir="auto"), class_="cw-choice")
