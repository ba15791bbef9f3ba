"""What a worker is asked: a page elsewhere, a page given, or a form of questions.

Source: the XML schemas ExternalQuestion 2006-07-14, HTMLQuestion 2011-11-11, QuestionForm 2005-10-01 and 2017-11-06.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit
from xml.etree.ElementTree import Element

from backend.mturk import xml
from backend.mturk.errors import invalid
from backend.mturk.form import Form, read_form
from backend.services.filling import filled

ROOTS = {
    "ExternalQuestion": ("2006-07-14",),
    "HTMLQuestion": ("2011-11-11",),
    "QuestionForm": ("2005-10-01", "2017-11-06"),
}
PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"
_LAYOUT = re.compile(r"\$\{([^}]{1,255})\}")
_REWRITES = (
    (re.compile(r"https?://(?:www|workersandbox)\.mturk\.com/mturk/externalSubmit"), "{submit_to}/mturk/externalSubmit"),
    (re.compile(r"(?:https?:)?//s3\.amazonaws\.com/mturk-public/externalHIT_v1\.js"), "/static/crowd/external-hit.js"),
    (re.compile(r"(?:https?:)?//assets\.crowd\.aws/crowd-html-elements\.js"), "/static/crowd/crowd-html-elements.js"),
)
"""Addresses of Amazon's that are gone, and what stands here in their place."""


@dataclass(frozen=True, slots=True)
class External:
    """A page of the requester's own server. `frame_height` in pixels; 0 fits it to the window."""

    url: str
    frame_height: int


@dataclass(frozen=True, slots=True)
class Html:
    """A page that came with the HIT."""

    content: str
    frame_height: int


Question = External | Html | Form


def read_question(text: str) -> Question:
    """A Question as it stands in a request.

    Raises:
        RequestError: not such a document; the sentence says where.
    """
    root = xml.parse(text)
    name = xml.local(root)
    if name not in ROOTS:
        raise xml.malformed(f"A question is one of {', '.join(ROOTS)}, not {name}.")
    if xml.namespace(root) not in {f"{xml.NAMESPACE}{version}/{name}.xsd" for version in ROOTS[name]}:
        raise xml.malformed(f"The namespace of {name} is {xml.NAMESPACE}{ROOTS[name][0]}/{name}.xsd.")
    return _READERS[name](root)


def read_answer_form(text: str) -> Form:
    """A qualification test, which is a QuestionForm.

    Raises:
        RequestError: another kind of question, or a malformed one.
    """
    question = read_question(text)
    if not isinstance(question, Form):
        raise xml.malformed("A qualification test is a QuestionForm.")
    return question


def laid_out(layout: str, parameters: Mapping[str, str]) -> str:
    """A layout with its ${variables} filled in; those without a value stay as they are, as they did at Amazon.

    Raises:
        RequestError: it is longer than a question may be.
    """
    page = filled(_LAYOUT, lambda found: parameters.get(found[1], found[0]), layout, xml.MOST_BYTES)
    if page is None or len(page.encode()) > xml.MOST_BYTES:
        raise invalid(f"The layout filled in has more than {xml.MOST_BYTES} bytes.")
    return page


def served(html: str, submit_to: str) -> str:
    """A requester's page with the addresses of Amazon's that are gone put right; answers go below `submit_to`."""
    for pattern, replacement in _REWRITES:
        place = replacement.format(submit_to=submit_to)
        html = pattern.sub(lambda _, place=place: place, html)  # type: ignore[misc]  # taken as it stands
    return html


def frame_url(url: str, assignment_id: str | None, hit_id: str, worker_id: str | None, submit_to: str) -> str:
    """An external page's address with what it is told; its own query is kept.

    Args:
        assignment_id, worker_id: None in a preview.
        submit_to: where `/mturk/externalSubmit` is, without a slash at the end: pages put it behind.
    """
    told = {"assignmentId": assignment_id or PREVIEW, "hitId": hit_id}
    if assignment_id is not None and worker_id is not None:
        told |= {"workerId": worker_id, "turkSubmitTo": submit_to.rstrip("/")}
    scheme, host, path, query, fragment = urlsplit(url)
    return urlunsplit((scheme, host, path, "&".join(filter(None, (query, urlencode(told)))), fragment))


def _external(root: Element) -> External:
    xml.only(root, "ExternalURL", "FrameHeight")
    url = xml.text(xml.needed(root, "ExternalURL")).strip()
    if urlsplit(url).scheme != "https" and not _is_local(url):
        raise xml.malformed("ExternalURL is an https address.")
    return External(url, xml.whole(xml.needed(root, "FrameHeight"), 0, 100_000))


def _is_local(url: str) -> bool:
    """Browsers trust this machine's own pages without TLS, so a page that is being developed may be shown."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")


def _html(root: Element) -> Html:
    xml.only(root, "HTMLContent", "FrameHeight")
    content = xml.text(xml.needed(root, "HTMLContent"))
    if not content.strip():
        raise xml.malformed("HTMLContent is empty.")
    return Html(content, xml.whole(xml.needed(root, "FrameHeight"), 0, 100_000))


_READERS = {"ExternalQuestion": _external, "HTMLQuestion": _html, "QuestionForm": read_form}
