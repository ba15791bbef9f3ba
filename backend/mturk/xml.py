"""Reads strangers' XML: no DTD, no entities, no more than it needs; an element is found by its local name.

Namespaces are compared at the root only, since programs of many years write them in a few ways.
"""

import re
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from backend.mturk.errors import RequestError

MOST_BYTES = 65_535
MOST_ELEMENTS = 20_000
DEEPEST = 64
NAMESPACE = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/"
_DECLARED = re.compile(r"^\s*<\?xml[^>]*\?>")


def malformed(what: str) -> RequestError:
    """The XML isn't what it should be; `what` says where."""
    return RequestError(
        "XMLParseError",
        "There was an error parsing the XML question or answer data in your request. Please make sure the data is well-formed and "
        f"validates against the appropriate schema. {what}",
    )


def parse(text: str) -> Element:
    """The root element of a document.

    Raises:
        RequestError: too long, not well-formed, or with a DTD or entities.
    """
    if len(text.encode()) > MOST_BYTES:
        raise malformed(f"It has at most {MOST_BYTES} bytes; this one has {len(text.encode())}.")
    try:
        root: Element = fromstring(_DECLARED.sub("", text), forbid_dtd=True)
    except DefusedXmlException:
        raise malformed("It may not have a DTD or entities of its own.") from None
    except ParseError as error:
        raise malformed(f"It is not well-formed: {error}.") from None
    _measure(root)
    return root


def local(element: Element) -> str:
    """An element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def namespace(element: Element) -> str:
    """An element's namespace."""
    return str(element.tag).rpartition("}")[0].lstrip("{")


def one(element: Element, name: str) -> Element | None:
    """The child of that name, if there is exactly one.

    Raises:
        RequestError: there are several.
    """
    found = many(element, name)
    if len(found) > 1:
        raise malformed(f"{local(element)} has more than one {name}.")
    return found[0] if found else None


def needed(element: Element, name: str) -> Element:
    """The child of that name.

    Raises:
        RequestError: there is none, or several.
    """
    found = one(element, name)
    if found is None:
        raise malformed(f"{local(element)} needs a {name}.")
    return found


def many(element: Element, name: str) -> list[Element]:
    """The children of that name."""
    return [child for child in element if local(child) == name]


def text(element: Element | None) -> str:
    """An element's text; empty without one."""
    return "" if element is None else element.text or ""


def whole(element: Element, least: int = -(2**31), most: int = 2**31 - 1) -> int:
    """An element's text as a whole number within bounds.

    Raises:
        RequestError: it isn't one.
    """
    value = text(element).strip()
    if not re.fullmatch(r"[+-]?[0-9]{1,10}", value, re.ASCII) or not least <= int(value) <= most:
        raise malformed(f"{local(element)} is a whole number from {least} to {most}, not '{value[:40]}'.")
    return int(value)


def only(element: Element, *names: str) -> None:
    """Refuses children of other names.

    Raises:
        RequestError: there is one.
    """
    for child in element:
        if local(child) not in names:
            raise malformed(f"{local(element)} can't hold {local(child)}.")


def _measure(root: Element) -> None:
    level, count = [root], 0
    for _ in range(DEEPEST):
        count += len(level)
        level = [child for element in level for child in element]
        if not level:
            break
    if level or count > MOST_ELEMENTS:
        raise malformed(f"It has at most {MOST_ELEMENTS} elements, {DEEPEST} deep.")
