"""Questions are read to the letter of their schemas, and nothing hostile gets in with them."""

import tracemalloc

import pytest

from backend.mturk.errors import RequestError
from backend.mturk.form import Choice, Form, Given, Text, faults
from backend.mturk.questions import External, Html, laid_out, frame_url, read_question, served

NS = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/"
EXTERNAL = (
    f'<?xml version="1.0" encoding="UTF-8"?>\n<ExternalQuestion xmlns="{NS}2006-07-14/ExternalQuestion.xsd">'
    "<ExternalURL>https://lab.example/task?a=1&amp;b=2#x</ExternalURL><FrameHeight>400</FrameHeight></ExternalQuestion>"
)
HTML = f'<HTMLQuestion xmlns="{NS}2011-11-11/HTMLQuestion.xsd"><HTMLContent><![CDATA[{{}}]]></HTMLContent><FrameHeight>0</FrameHeight></HTMLQuestion>'
FORM = f"""<QuestionForm xmlns="{NS}2005-10-01/QuestionForm.xsd">
<Overview><Title>Colours</Title><List><ListItem>one</ListItem><ListItem>two</ListItem></List></Overview>
<Question><QuestionIdentifier>colour</QuestionIdentifier><IsRequired>true</IsRequired>
<QuestionContent><Text>Which?</Text></QuestionContent><AnswerSpecification><SelectionAnswer><StyleSuggestion>radiobutton</StyleSuggestion>
<Selections><Selection><SelectionIdentifier>r</SelectionIdentifier><Text>red</Text></Selection>
<Selection><SelectionIdentifier>g</SelectionIdentifier><Text>green</Text></Selection>
<OtherSelection><Constraints><Length maxLength="5"/></Constraints></OtherSelection></Selections></SelectionAnswer></AnswerSpecification></Question>
<Question><QuestionIdentifier>why</QuestionIdentifier><QuestionContent><Text>Why?</Text></QuestionContent><AnswerSpecification>
<FreeTextAnswer><Constraints><Length minLength="2" maxLength="10"/><AnswerFormatRegex regex="^[a-z ]+$" errorText="Small letters." flags="i"/>
</Constraints><NumberOfLinesSuggestion>3</NumberOfLinesSuggestion></FreeTextAnswer></AnswerSpecification></Question>
<Question><QuestionIdentifier>age</QuestionIdentifier><QuestionContent><Text>Age?</Text></QuestionContent><AnswerSpecification>
<FreeTextAnswer><Constraints><IsNumeric minValue="18" maxValue="120"/></Constraints></FreeTextAnswer></AnswerSpecification></Question>
</QuestionForm>"""


def html(content: str) -> str:
    return HTML.format(content)


def form() -> Form:
    read = read_question(FORM)
    assert isinstance(read, Form)
    return read


def test_a_layout_that_would_fill_the_memory_is_refused_before_it_does() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(RequestError, match="bytes"):
            laid_out("${a}" * 16_000, {"a": "x" * 10_000})
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert laid_out("${a}-${b}", {"a": "1"}) == "1-${b}"


def test_an_external_page() -> None:
    assert read_question(EXTERNAL) == External("https://lab.example/task?a=1&b=2#x", 400)


def test_a_page_that_comes_along() -> None:
    assert read_question(html("<p>&amp;</p>")) == Html("<p>&amp;</p>", 0)


def test_a_form() -> None:
    colour, why, age = form().asked
    assert isinstance(colour.answer, Choice) and colour.required
    assert colour.answer.identifiers == {"r", "g"} and colour.answer.style == "radiobutton" and colour.answer.other == Text(longest=5)
    assert isinstance(why.answer, Text) and why.answer.lines == 3 and why.answer.patterns[0].error_text == "Small letters."
    assert isinstance(age.answer, Text) and age.answer.numeric and (age.answer.least, age.answer.most) == (18, 120)


@pytest.mark.parametrize(
    ("answers", "wrong"),
    [
        ({"colour": Given(selections=("r",)), "why": Given(text="Just So")}, []),
        ({"colour": Given(other="blue"), "why": Given(text="so")}, []),
        ({"why": Given(text="so")}, ["colour"]),
        ({"colour": Given(selections=("r",))}, ["why"]),  # a minimal length makes a question required
        ({"colour": Given(selections=("r", "g")), "why": Given(text="so")}, ["colour"]),
        ({"colour": Given(selections=("x",)), "why": Given(text="so")}, ["colour"]),
        ({"colour": Given(other="purple"), "why": Given(text="so")}, ["colour"]),
        ({"colour": Given(text="r"), "why": Given(text="so")}, ["colour"]),
        ({"colour": Given(selections=("r",)), "why": Given(text="4 reasons")}, ["why"]),
        ({"colour": Given(selections=("r",)), "why": Given(text="so"), "age": Given(text="17")}, ["age"]),
        ({"colour": Given(selections=("r",)), "why": Given(text="so"), "age": Given(text="nan")}, ["age"]),
        ({"colour": Given(selections=("r",)), "why": Given(text="so"), "name": Given(text="x")}, ["name"]),
    ],
)
def test_an_answer_keeps_to_its_form(answers: dict[str, Given], wrong: list[str]) -> None:
    assert list(faults(form(), answers)) == wrong


@pytest.mark.timeout(5)
def test_a_pattern_that_would_run_for_ever_ends() -> None:
    evil = FORM.replace("^[a-z ]+$", "^(a+)+(?=b)$").replace('maxLength="10"', 'maxLength="100"')
    read = read_question(evil)
    assert isinstance(read, Form)
    assert "why" in faults(read, {"colour": Given(selections=("r",)), "why": Given(text="a" * 60)})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<ExternalQuestion>", "not well-formed"),
        ("", "not well-formed"),
        ("<Poll/>", "one of ExternalQuestion"),
        (EXTERNAL.replace("2006-07-14", "2016-07-14"), "namespace"),
        (EXTERNAL.replace("https:", "http:"), "https"),
        (EXTERNAL.replace("https://lab.example", "javascript://lab.example"), "https"),
        (EXTERNAL.replace("400", "tall"), "whole number"),
        (EXTERNAL.replace("<FrameHeight>400</FrameHeight>", ""), "needs a FrameHeight"),
        (html(" "), "empty"),
        (html("x" * 65_536), "65535 bytes"),
        ('<!DOCTYPE x [<!ENTITY e "e">]>' + EXTERNAL.partition("?>\n")[2], "DTD"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd">' + EXTERNAL.partition("?>\n")[2], "DTD"),
        (FORM.replace("<QuestionIdentifier>why", "<QuestionIdentifier>colour"), "stands twice"),
        (FORM.replace("<SelectionIdentifier>g", "<SelectionIdentifier>r"), "stands twice"),
        (FORM.replace("radiobutton", "wheel"), "StyleSuggestion"),
        (FORM.replace('regex="^[a-z ]+$"', 'regex="("'), "can't be read"),
        (FORM.replace("Overview>", "Preface>"), "can't hold Preface"),
        ("<a>" * 100 + "</a>" * 100, "deep"),
    ],
)
def test_what_breaks_the_schema_is_told(text: str, words: str) -> None:
    with pytest.raises(RequestError, match=words) as refused:
        read_question(text)
    assert refused.value.message.startswith("There was an error parsing the XML question or answer data in your request.")


def test_the_frame_is_told_who_it_is_for_and_keeps_its_query() -> None:
    url = frame_url("https://lab.example/task?a=1#x", "3ASSIGN", "3HIT", "AWORKER", "https://market.example/")
    assert url == (
        "https://lab.example/task?a=1&assignmentId=3ASSIGN&hitId=3HIT&workerId=AWORKER"
        "&turkSubmitTo=https%3A%2F%2Fmarket.example#x"
    )
    assert frame_url("https://lab.example", None, "3HIT", "AWORKER", "https://market.example") == (
        "https://lab.example?assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE&hitId=3HIT"
    )


def test_addresses_that_are_gone_are_put_right() -> None:
    page = '<form action="https://www.mturk.com/mturk/externalSubmit"><script src="https://assets.crowd.aws/crowd-html-elements.js">'
    put_right = '<form action="https://m.example/a/1/mturk/externalSubmit"><script src="/static/crowd/crowd-html-elements.js">'
    assert served(page, "https://m.example/a/1") == put_right


def test_a_layout_is_laid_out() -> None:
    assert laid_out("${a} ${b} ${c}", {"a": "1", "b": "${a}"}) == "1 ${a} ${c}"
