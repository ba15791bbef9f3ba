"""Answers come as the XML that real clients look through, and go back again."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from backend.mturk.answers import answers_xml, fields_xml, read_answers
from backend.mturk.form import Given

NS = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2005-10-01/QuestionFormAnswers.xsd"
XML_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))


def test_the_very_bytes() -> None:
    assert fields_xml([("assignmentId", "3A"), ("hitId", "3H"), ("q", "a < b"), ("q", "second"), ("é", "ü")]) == (
        f'<?xml version="1.0" encoding="ASCII"?><QuestionFormAnswers xmlns="{NS}">'
        "<Answer><QuestionIdentifier>q</QuestionIdentifier><FreeText>a &lt; b</FreeText></Answer>"
        "<Answer><QuestionIdentifier>&#233;</QuestionIdentifier><FreeText>&#252;</FreeText></Answer></QuestionFormAnswers>"
    )


def test_selections_and_a_text_of_ones_own() -> None:
    text = answers_xml({"q": Given(selections=("r", "g"), other="blue")})
    assert (
        "<SelectionIdentifier>r</SelectionIdentifier><SelectionIdentifier>g</SelectionIdentifier>"
        "<OtherSelectionText>blue</OtherSelectionText>"
    ) in text


def test_what_xml_cannot_hold_becomes_the_replacement_character() -> None:
    assert "<FreeText>a&#65533;b</FreeText>" in fields_xml([("q", "a\0b")])


@given(st.dictionaries(XML_TEXT.filter(bool), XML_TEXT, max_size=5))
def test_whatever_was_submitted_can_be_read_again(fields: dict[str, str]) -> None:
    text = fields_xml(fields.items())
    assert text.isascii()
    expected = {name: value for name, value in fields.items() if name not in ("assignmentId", "hitId", "workerId", "turkSubmitTo")}
    assert {name: one.text for name, one in read_answers(text).items()} == expected
    assert len(ElementTree.fromstring(text)) == len(expected)  # parsed from a string, declaration and all
