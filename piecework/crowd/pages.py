"""What a HIT's page or form asks, read from its HTML or XML, and fields that answer it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from piecework.domain.errors import Invalid

Choose = Callable[[Sequence[Any], Any], Any]
"""Chooses one of some values, the one that was meant if it is among them."""
_NO_ANSWER = ("submit", "button", "reset", "image", "file", "password")
_OWN = ("assignmentId", "hitId", "workerId", "turkSubmitTo")


@dataclass
class Asked:
    """A page's fields.

    Attributes:
        choices: name → values to choose among; empty for a text.
        hidden: name → value that the page sends as it is.
        crowd: whether the page is a crowd-form, which sends one field with all answers.
    """

    choices: dict[str, list[str]] = field(default_factory=dict)
    hidden: dict[str, str] = field(default_factory=dict)
    crowd: bool = False

    def fields(self, said: Any, choose: Choose, text: Callable[[Any], str]) -> list[tuple[str, str]]:
        """Names and values to send.

        Args:
            said: what the worker means, None for nothing in particular.
            choose, text: how it chooses and writes.
        """
        given = {name: choose(values, said) if values else text(said) for name, values in self.choices.items()}
        if self.crowd:
            return [("taskAnswers", json.dumps([given]))]
        return list({**self.hidden, **given}.items())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.asked, self._select = Asked(), ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        name, kind = given.get("name", ""), given.get("type", "text").lower()
        self.asked.crowd = self.asked.crowd or tag == "crowd-form"
        if tag == "option":
            self._option(self._select, given.get("value", ""))
        elif name in ("", *_OWN) or (tag == "input" and kind in _NO_ANSWER):
            return
        elif tag == "input" and kind == "hidden":
            self.asked.hidden[name] = given.get("value", "")
        elif tag == "input" and kind in ("radio", "checkbox"):
            self._option(name, given.get("value", "on"))
        elif tag in ("input", "textarea", "crowd-input", "crowd-text-area"):
            self.asked.choices.setdefault(name, [])
        elif tag == "select":
            self._select = name
        elif tag.startswith(("crowd-", "x-crowd-")):
            self.asked.choices.setdefault(name, _categories(given.get("categories", "")))

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)

    def _option(self, name: str, value: str) -> None:
        if name and value:
            self.asked.choices.setdefault(name, []).append(value)


def _categories(text: str) -> list[str]:
    try:
        return [str(one) for one in json.loads(text.replace("'", '"'))]
    except (ValueError, TypeError):
        return []


def read_page(html: str) -> Asked:
    """The fields of a page; a page without any gets one of ours, since an answer needs one."""
    reader = _Reader()
    reader.feed(html)
    if not reader.asked.choices:
        reader.asked.choices["answer"] = []
    return reader.asked


# ------------------------------------------------------------------------------------------------ forms


def form_fields(question: str, said: Any, choose: Choose, text: Callable[[Any], str]) -> list[tuple[str, str]]:
    """Fields that answer a QuestionForm, as far as its counts and numbers go; what it asks by patterns may be missed.

    Raises:
        Invalid: it can't be read.
    """
    try:
        root = fromstring(question, forbid_dtd=True)
    except (ParseError, DefusedXmlException) as error:
        raise Invalid(f"The question can't be read: {error}.") from None
    return [pair for asked in _named(root, "Question") for pair in _answers(asked, said, choose, text)]


def _answers(asked: Element, said: Any, choose: Choose, text: Callable[[Any], str]) -> list[tuple[str, str]]:
    name = _text(asked, "QuestionIdentifier")
    selections = [_text(one, "SelectionIdentifier") for one in _named(asked, "Selection")]
    if not selections:
        return [(name, _written(asked, said, choose, text))]
    first, least = choose(selections, said), int(_text(asked, "MinSelectionCount") or 1)
    others = [one for one in selections if one != first]
    return [(name, one) for one in [first, *others[: max(0, least - 1)]]]


def _written(asked: Element, said: Any, choose: Choose, text: Callable[[Any], str]) -> str:
    bounds: Mapping[str, str] = {name: value for one in (*_named(asked, "IsNumeric"), *_named(asked, "Length")) for name, value in one.items()}
    if _named(asked, "IsNumeric"):
        least = int(bounds.get("minValue", 0))
        return str(choose([str(number) for number in range(least, min(int(bounds.get("maxValue", least + 9)), least + 9) + 1)], said))
    words = text(said).ljust(int(bounds.get("minLength", 0)), ".")
    return words[: int(bounds.get("maxLength", len(words)))]


def _named(element: Element, name: str) -> list[Element]:
    return [one for one in element.iter() if str(one.tag).rpartition("}")[2] == name]


def _text(element: Element, name: str) -> str:
    found = _named(element, name)
    return (found[0].text or "").strip() if found else ""
