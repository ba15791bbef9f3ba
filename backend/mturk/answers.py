"""A worker's answers as the XML that requesters' programs read, many of them by regular expression.

The form is that of the schema QuestionFormAnswers 2005-10-01: ASCII, so that it can be parsed from a string as from bytes, no
attributes, no prefixes, no white space between tags.
"""

from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape

from backend.mturk import xml
from backend.mturk.form import Choice, Form, Given

HEAD = (
    f'<?xml version="1.0" encoding="ASCII"?><QuestionFormAnswers xmlns="{xml.NAMESPACE}2005-10-01/QuestionFormAnswers.xsd">'
)
TAIL = "</QuestionFormAnswers>"
NOT_ANSWERS = ("assignmentId", "hitId", "workerId", "turkSubmitTo")
"""Fields that a page sends along and that aren't answers."""


def answers_xml(answers: Mapping[str, Given]) -> str:
    """The answers of a form, in its order; of an answer that was left out, an empty text."""
    return HEAD + "".join(_answer(name, given) for name, given in answers.items()) + TAIL


def fields_xml(fields: Iterable[tuple[str, str]]) -> str:
    """What a page submitted, field by field. Of a name that comes more than once the first counts, as it did at Amazon."""
    return answers_xml({name: Given(text=value) for name, value in first(fields).items()})


def first(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The submitted fields that are answers, each name once."""
    kept: dict[str, str] = {}
    for name, value in fields:
        if name not in NOT_ANSWERS:
            kept.setdefault(name, value)
    return kept


def form_given(form: Form, fields: list[tuple[str, str]]) -> dict[str, Given]:
    """A form's answers from submitted fields: a question's identifier is its field's name; `identifier.other` a text of one's own."""
    found: dict[str, Given] = {}
    texts = first(fields)
    for asked in form.asked:
        name = asked.identifier
        if isinstance(asked.answer, Choice):
            chosen, other = tuple(value for field, value in fields if field == name and value), texts.get(f"{name}.other") or None
            if chosen or other:
                found[name] = Given(selections=chosen, other=other)
        elif name in texts:
            found[name] = Given(text=texts[name])
    return found


def read_answers(text: str) -> dict[str, Given]:
    """The answers in such a document.

    Raises:
        RequestError: it isn't one.
    """
    root = xml.parse(text)
    if xml.local(root) != "QuestionFormAnswers":
        raise xml.malformed(f"Answers are QuestionFormAnswers, not {xml.local(root)}.")
    found: dict[str, Given] = {}
    for answer in xml.many(root, "Answer"):
        free, other = xml.one(answer, "FreeText"), xml.one(answer, "OtherSelectionText")
        found[xml.text(xml.needed(answer, "QuestionIdentifier"))] = Given(
            None if free is None else xml.text(free),
            tuple(xml.text(one) for one in xml.many(answer, "SelectionIdentifier")),
            None if other is None else xml.text(other),
        )
    return found


def _answer(name: str, given: Given) -> str:
    if given.selections or given.other is not None:
        parts = [("SelectionIdentifier", one) for one in given.selections]
        parts += [] if given.other is None else [("OtherSelectionText", given.other)]
    else:
        parts = [("FreeText", given.text or "")]
    inner = "".join(f"<{tag}>{_text(value)}</{tag}>" for tag, value in parts)
    return f"<Answer><QuestionIdentifier>{_text(name)}</QuestionIdentifier>{inner}</Answer>"


def _text(value: str) -> str:
    """Text as ASCII XML. A character that XML can't hold at all becomes the replacement character."""
    legal = "".join(char if _is_legal(char) else "\ufffd" for char in value)
    return escape(legal, {"\r": "&#13;"}).encode("ascii", "xmlcharrefreplace").decode()


def _is_legal(char: str) -> bool:
    return char in "\t\n\r" or " " <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" or char >= "\U00010000"
