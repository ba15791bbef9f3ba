"""A QuestionForm: questions with texts or choices for an answer, and whether an answer keeps to them.

Source: the XML schema QuestionForm 2005-10-01, and the developer guide's article on its data structure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from backend.mturk import xml
from backend.mturk.patterns import Pattern, read_pattern

STYLES = ("radiobutton", "checkbox", "list", "dropdown", "combobox", "multichooser")
_CONTENT = ("Title", "Text", "List", "FormattedContent", "Binary", "Application", "EmbeddedBinary")


@dataclass(frozen=True, slots=True)
class Block:
    """Something to read or look at: `kind` is the element's name; `values` its text, its items, or its address and alternative text."""

    kind: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A text to be typed. Bounds are None where there is none."""

    numeric: bool = False
    least: int | None = None
    most: int | None = None
    shortest: int | None = None
    longest: int | None = None
    patterns: tuple[Pattern, ...] = ()
    default: str = ""
    lines: int = 1

    def fault(self, given: str) -> str | None:
        """What is wrong with a text; None if nothing is."""
        if self.numeric and not self._is_number(given):
            return f"Give a number{self._span(self.least, self.most)}."
        if len(given) < (self.shortest or 0) or len(given) > (self.longest or len(given)):
            return f"Give a text{self._span(self.shortest, self.longest)} characters."
        failed = next((pattern for pattern in self.patterns if not pattern.matches(given)), None)
        return None if failed is None else failed.error_text

    def _is_number(self, given: str) -> bool:
        try:
            value = float(given)
        except ValueError:
            return False
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    @staticmethod
    def _span(least: int | None, most: int | None) -> str:
        return (f" of at least {least}" if least is not None else "") + (f" of at most {most}" if most is not None else "")


@dataclass(frozen=True, slots=True)
class Choice:
    """Selections to choose among, and perhaps a text of one's own."""

    selections: tuple[tuple[str, Block], ...]
    least: int = 1
    most: int = 1
    style: str | None = None
    other: Text | None = None

    @property
    def identifiers(self) -> frozenset[str]:
        return frozenset(identifier for identifier, _ in self.selections)

    def fault(self, given: Sequence[str], other: str | None) -> str | None:
        """What is wrong with a choice; None if nothing is."""
        if set(given) - self.identifiers or len(set(given)) != len(given):
            return "Choose among the selections, each at most once."
        if other is not None and self.other is None:
            return "This question has no other answer than its selections."
        count = len(given) + (other is not None)
        if not self.least <= count <= self.most:
            return f"Choose {self.least} to {self.most}." if self.least != self.most else f"Choose {self.least}."
        return self.other.fault(other) if other is not None and self.other is not None else None


@dataclass(frozen=True, slots=True)
class Upload:
    """A file, by its size in bytes."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Asked:
    """One question."""

    identifier: str
    content: tuple[Block, ...]
    answer: Text | Choice | Upload
    display_name: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """Overviews and questions in their order."""

    parts: tuple[Asked | tuple[Block, ...], ...]
    asked: tuple[Asked, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "asked", tuple(part for part in self.parts if isinstance(part, Asked)))


@dataclass(frozen=True, slots=True)
class Given:
    """An answer to one question: a text, or selections and perhaps another text."""

    text: str | None = None
    selections: tuple[str, ...] = ()
    other: str | None = None


def faults(form: Form, answers: Mapping[str, Given]) -> dict[str, str]:
    """What is wrong with the answers to a form, by question; empty if nothing is."""
    found = {name: "This form has no such question." for name in answers if name not in {one.identifier for one in form.asked}}
    return found | {one.identifier: fault for one in form.asked if (fault := _fault(one, answers.get(one.identifier)))}


def _fault(asked: Asked, given: Given | None) -> str | None:
    must = asked.required or (isinstance(asked.answer, Text) and bool(asked.answer.shortest))
    if given is None or not (given.text or given.selections or given.other):
        return "Answer this question." if must else None
    if isinstance(asked.answer, Text):
        return asked.answer.fault(given.text or "") if not given.selections else "Give a text."
    if isinstance(asked.answer, Choice):
        return asked.answer.fault(given.selections, given.other) if given.text is None else "Choose among the selections."
    return None


# ------------------------------------------------------------------------------------------------ reading


def read_form(root: Element) -> Form:
    """A QuestionForm element.

    Raises:
        RequestError: it breaks the schema; the sentence says where.
    """
    xml.only(root, "Overview", "Question")
    parts = tuple(_content(child) if xml.local(child) == "Overview" else _asked(child) for child in root)
    form = Form(parts)
    names = [one.identifier for one in form.asked]
    if not names:
        raise xml.malformed("A QuestionForm has at least one Question.")
    for name in names:
        if names.count(name) > 1:
            raise xml.malformed(f"The QuestionIdentifier '{name}' stands twice.")
    return form


def _asked(element: Element) -> Asked:
    xml.only(element, "QuestionIdentifier", "DisplayName", "IsRequired", "QuestionContent", "AnswerSpecification")
    identifier = xml.text(xml.needed(element, "QuestionIdentifier"))
    if not identifier.strip():
        raise xml.malformed("A QuestionIdentifier is empty.")
    return Asked(
        identifier,
        _content(xml.needed(element, "QuestionContent")),
        _answer(xml.needed(element, "AnswerSpecification")),
        xml.text(xml.one(element, "DisplayName")),
        _boolean(xml.one(element, "IsRequired")),
    )


def _content(element: Element) -> tuple[Block, ...]:
    blocks = tuple(_block(child) for child in element)
    if not blocks:
        raise xml.malformed(f"{xml.local(element)} is empty.")
    return blocks


def _block(element: Element) -> Block:
    kind = xml.local(element)
    if kind not in _CONTENT:
        raise xml.malformed(f"{kind} is not content; use one of {', '.join(_CONTENT)}.")
    if kind == "List":
        return Block(kind, tuple(xml.text(item) for item in xml.many(element, "ListItem")))
    if kind in ("Binary", "EmbeddedBinary"):
        return _binary(kind, element)
    if kind == "Application":
        return Block(kind, ())  # Flash and applets: no browser runs them any more
    return Block(kind, (xml.text(element),))


def _binary(kind: str, element: Element) -> Block:
    mime = xml.needed(element, "MimeType" if kind == "Binary" else "EmbeddedMimeType")
    url = xml.text(xml.needed(element, "DataURL")).strip()
    if not url.startswith(("https://", "http://")):
        raise xml.malformed("DataURL is an http or https address.")
    return Block(kind, (xml.text(xml.needed(mime, "Type")), url, xml.text(xml.needed(element, "AltText"))))


def _answer(element: Element) -> Text | Choice | Upload:
    xml.only(element, "FreeTextAnswer", "SelectionAnswer", "FileUploadAnswer")
    if len(element) != 1:
        raise xml.malformed("AnswerSpecification holds one kind of answer.")
    child = element[0]
    return _ANSWERS[xml.local(child)](child)


def _text(element: Element) -> Text:
    xml.only(element, "Constraints", "DefaultText", "NumberOfLinesSuggestion")
    lines = xml.one(element, "NumberOfLinesSuggestion")
    return Text(
        default=xml.text(xml.one(element, "DefaultText")),
        lines=1 if lines is None else xml.whole(lines, 1, 1000),
        **_constraints(xml.one(element, "Constraints")),
    )


def _constraints(element: Element | None) -> dict[str, object]:
    if element is None:
        return {}
    xml.only(element, "IsNumeric", "Length", "AnswerFormatRegex")
    numeric, length = xml.one(element, "IsNumeric"), xml.one(element, "Length")
    return {
        "numeric": numeric is not None,
        "least": _bound(numeric, "minValue"),
        "most": _bound(numeric, "maxValue"),
        "shortest": _bound(length, "minLength"),
        "longest": _bound(length, "maxLength"),
        "patterns": tuple(
            read_pattern(one.get("regex"), one.get("errorText"), one.get("flags")) for one in xml.many(element, "AnswerFormatRegex")
        ),
    }


def _bound(element: Element | None, name: str) -> int | None:
    value = None if element is None else element.get(name)
    if value is None:
        return None
    try:
        return int(value)
    except ValueError:
        raise xml.malformed(f"{name} is a whole number, not '{value[:40]}'.") from None


def _choice(element: Element) -> Choice:
    xml.only(element, "MinSelectionCount", "MaxSelectionCount", "StyleSuggestion", "Selections")
    least, most = xml.one(element, "MinSelectionCount"), xml.one(element, "MaxSelectionCount")
    style = xml.one(element, "StyleSuggestion")
    if style is not None and xml.text(style) not in STYLES:
        raise xml.malformed(f"StyleSuggestion is one of {', '.join(STYLES)}.")
    selections = xml.needed(element, "Selections")
    other = xml.one(selections, "OtherSelection")
    choice = Choice(
        tuple(_selections(selections)),
        1 if least is None else xml.whole(least, 0),
        1 if most is None else xml.whole(most, 1),
        None if style is None else xml.text(style),
        None if other is None else _text(other),
    )
    if choice.least > choice.most or len(choice.identifiers) != len(choice.selections):
        raise xml.malformed("A SelectionAnswer's counts contradict each other, or a SelectionIdentifier stands twice.")
    return choice


def _selections(element: Element) -> Iterator[tuple[str, Block]]:
    found = xml.many(element, "Selection")
    if not found:
        raise xml.malformed("Selections needs a Selection.")
    for one in found:
        shown = [child for child in one if xml.local(child) in ("Text", "FormattedContent", "Binary")]
        if len(shown) != 1:
            raise xml.malformed("A Selection shows one Text, FormattedContent or Binary.")
        yield xml.text(xml.needed(one, "SelectionIdentifier")), _block(shown[0])


def _upload(element: Element) -> Upload:
    least, most = (xml.whole(xml.needed(element, name), 1) for name in ("MinFileSizeInBytes", "MaxFileSizeInBytes"))
    return Upload(least, most)


def _boolean(element: Element | None) -> bool:
    value = xml.text(element).strip()
    if value not in ("", "true", "false", "1", "0"):
        raise xml.malformed(f"IsRequired is true or false, not '{value[:40]}'.")
    return value in ("true", "1")


_ANSWERS = {"FreeTextAnswer": _text, "SelectionAnswer": _choice, "FileUploadAnswer": _upload}
