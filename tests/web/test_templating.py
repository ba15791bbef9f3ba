"""Requesters' pages filled in: both languages, escaped, and within limits."""

import asyncio
import threading
import tracemalloc
from pathlib import Path

import pytest

from backend.services.task_pages import served_page, task_page
from backend.services.cell import DRAFTS
from backend.services.templating import render
from piecework.domain.errors import Invalid
from piecework.domain.templates import TEMPLATES
from tests.backend.workshop import Answer, call, new_key, sign_in, works
from tests.conftest import Chain


def test_variables_of_mturk_are_filled_in_and_escaped() -> None:
    assert render('<img src="${image_url}">', {"image_url": 'x"><script>'}) == '<img src="x&#34;&gt;&lt;script&gt;">'


def test_scripts_own_braces_stay() -> None:
    page = "<script>const a = `${unknown}`; const b = {{ }}; {% not liquid %}</script>"
    assert render(page, {"image_url": "x"}) == page


def test_liquid_of_ground_truth_is_filled_in() -> None:
    page = "<crowd-x initial-value='{{ task.input.boxes | to_json | grant_read_access | skip_autoescape }}'>{{ task.input.taskObject }}"
    assert render(page, {"boxes": [{"a": 1}], "source-ref": "https://x/<y>"}) == "<crowd-x initial-value='[{\"a\": 1}]'>https://x/&lt;y&gt;"


def test_json_is_escaped_unless_the_page_says_otherwise() -> None:
    assert render("{{ task.input.a | to_json }}", {"a": "</script>"}) == "&#34;&lt;/script&gt;&#34;"


def test_loops_and_conditions_work() -> None:
    page = "{% for label in task.input.labels %}{% if label != 'no' %}[{{ label }}]{% endif %}{% endfor %}"
    assert render(page, {}, ["yes", "no", "<b>"]) == "[yes][&lt;b&gt;]"


def test_what_a_value_says_is_never_a_template() -> None:
    assert render("${a} {{ task.input.b }}", {"a": "{{ task.input.b }}", "b": "${a}"}) == "{{ task.input.b }} ${a}"


@pytest.mark.parametrize(
    "page",
    [
        "{% for a in (1..100000000) %}{{ task }}{% endfor %}",
        "{% for a in (1..9999) %}{% for b in (1..9999) %}{{ task }}{% endfor %}{% endfor %}",
        "{% assign s = 'aaaaaaaaaa' %}{% for a in (1..40) %}{% assign s = s | append: s %}{% endfor %}{{ task.input }}{{ s }}",
        "{{ task.input.a",
        "{% include '/etc/passwd' %}{{ task.input.a }}",
        "{% render 'secret' %}{{ task.input.a }}",
        "{{ task.input.a | no_such_filter }}",
    ],
)
def test_a_page_that_goes_too_far_is_refused_with_a_sentence(page: str) -> None:
    with pytest.raises(Invalid, match="page"):
        render(page, {"a": 1})


HEAD = "{{ task.input.a }}"
"""Makes a page one that is read as Liquid."""


@pytest.mark.parametrize(
    "page",
    [
        "{" * (1 << 20),
        HEAD + "{{" * (1 << 19),
        HEAD + "{% raw %}" * 100_000,
        HEAD + "{% doc %}" * 100_000,
        HEAD + "{{ task" + '["a"' * 100_000 + " }}",
        HEAD + '{{ "a" ' + '| replace: "a", "aaaaaaaaaa" ' * 12 + "}}",
        HEAD + '{{ (1..1000000000) | join: "" }}',
        HEAD + "{% assign n = 9999999999 %}" + "{% assign n = n | times: n %}" * 40 + "{{ n }}",
        HEAD + "{{ '" + "<script" * 140_000 + "' | strip_html }}",
    ],
    ids=["braces", "outputs", "raws", "docs", "brackets", "replaces", "range", "squares", "scripts"],
)
def test_a_page_that_would_run_for_ever_or_fill_the_memory_is_refused_or_read_and_the_next_one_is_served(page: str) -> None:
    try:
        assert len(render(page, {"a": 1})) < 2_000_000
    except Invalid as error:
        assert "page" in error.sentence
    assert render(HEAD, {"a": 1}) == "1"


def test_variables_that_fill_the_memory_are_refused_before_they_do() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(Invalid, match="too long"):
            render("${a}" * 2_000, {"a": "x" * 100_000})
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_a_draft_holds_up_no_page_that_somebody_works_at() -> None:
    with DRAFTS._lock:
        assert render(HEAD, {"a": 1}) == "1"


def test_while_a_draft_runs_for_ever_everybody_else_is_answered(shared_chain: Chain, tmp_path: Path) -> None:
    with works(shared_chain, f"sqlite:///{tmp_path}/piecework.db", tmp_path) as running:
        token, ended = sign_in(running, new_key()), list[str]()

        def preview(html: str, value: object = 1) -> Answer:
            body = {"template": "html", "content": {"a": value}, "html": html}
            return call(running, "POST", "/hire/new/preview", body, token)

        assert preview(HEAD).body == b"1"
        assert {preview(html, "\ud800").status for html in (HEAD, "${a}")} == {422}
        trying = threading.Thread(target=lambda: ended.append(preview(HEAD + "{{" * 300_000).body["detail"]))
        trying.start()
        for _ in range(5):
            assert call(running, "GET", "/v1/info").status == 200
        assert not ended
        trying.join()
        assert "too long" in ended[0]


def test_no_page_is_filled_in_on_the_event_loop() -> None:
    """Even without Liquid one of a megabyte takes a while."""
    threads = list[threading.Thread]()

    class Unit(dict[str, str]):
        def __getitem__(self, name: str) -> str:
            threads.append(threading.current_thread())
            return super().__getitem__(name)

    assert asyncio.run(served_page(DRAFTS, "html", Unit(a="1"), page="[${a}]")) == "[1]"
    assert threads and threading.current_thread() not in threads


@pytest.mark.parametrize("name", sorted(set(TEMPLATES) - {"html"}))
def test_every_template_has_a_page_that_its_own_example_fits_and_that_nothing_escapes_from(name: str) -> None:
    kind = TEMPLATES[name]
    page = task_page(name, kind.unit_example, kind.labels_example, kind.options_example, "<script>alert(1)</script>")
    assert page.startswith("<crowd-form") and "<script>" not in page
    assert kind.element is None or f"<{kind.element} " in page
