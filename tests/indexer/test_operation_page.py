"""The page on running the indexer names what there is, all of it and nothing else."""

import re

from indexer.metrics import render
from indexer.settings import Settings
from indexer.standing import Point, Standing
from piecework.chain.build import ROOT
from tests.indexer.workshop import Workshop

PAGE = (ROOT / "docs" / "indexer-operation.md").read_text()


def test_every_setting_is_on_the_page_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `PIECEWORK_(\w+)` \|.*\| (.*) \|$", PAGE, re.MULTILINE))
    fields = {name.upper(): field for name, field in Settings.model_fields.items()}
    assert rows.keys() == fields.keys()
    for name, field in fields.items():
        if field.default is not None:
            assert rows[name] == ("needed" if field.is_required() else str(field.default))


def test_every_metric_is_on_the_page(workshop: Workshop) -> None:
    standing = Standing(workshop.deployment)
    standing.cursor, counts = Point(1, "0x1", 0), standing.counts
    for happened in (counts.rechecked, counts.bisected, counts.failed_over):
        happened("node")
    counts.requested("node", 1)
    counts.failed("node", "timeout")
    counts.reorganised(1)
    counts.breaker("node", "open")
    counts.head("node", 1)
    names = set(re.findall(r"^# TYPE piecework_indexer_(\w+)", render(standing), re.MULTILINE))
    passage = PAGE[PAGE.index("Metrics, each with") : PAGE.index("## When something is wrong")]
    labels = {"chain_id", "escrow", "depth", "endpoint", "class", "piecework_indexer_"}
    assert set(re.findall(r"`(\w+)`", passage)) - labels == names
