"""What reviewers of signals saw; the consensus of answers of several parts, and without rejected ones."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0024", "0023"
branch_labels = depends_on = None

PARTS = {
    "bounding-box": ("boundingBoxes", ("label", "left", "top", "width", "height")),
    "entity-annotation": ("entities", ("label", "startOffset", "endOffset")),
    "classifier-multi-select": ("labels", ()),
    "image-classifier-multi-select": ("labels", ()),
}


def upgrade() -> None:
    with op.batch_alter_table('finding_review', schema=None) as batch_op:
        batch_op.add_column(sa.Column('seen', sa.Text(), server_default='[]', nullable=False))

    with op.batch_alter_table('job_consensus', schema=None) as batch_op:
        batch_op.add_column(sa.Column('rejected', sa.BigInteger(), server_default='0', nullable=False))

    _seen(op.get_bind())
    _parts_of_before(op.get_bind())


def _seen(connection: sa.Connection) -> None:
    """A review went with any change of what it was about, so those that are there saw what there is."""
    of: dict[tuple[int, str], list[list[str]]] = {}
    for row in connection.execute(sa.text("SELECT posting, worker, detector, evidence FROM finding ORDER BY number")):
        of.setdefault((row.posting, row.worker), []).append([row.detector, row.evidence])
    write = sa.text("UPDATE finding_review SET seen = :seen WHERE posting = :posting AND worker = :worker")
    for row in connection.execute(sa.text("SELECT posting, worker FROM finding_review")).all():
        seen = json.dumps(of.get((row.posting, row.worker), []))
        connection.execute(write, {"seen": seen, "posting": row.posting, "worker": row.worker})


def _parts_of_before(connection: sa.Connection) -> None:
    """Answers of several parts that came before there was a place for them."""
    answers, cursor = sa.text("""
        SELECT a.id, a.posting, a.slot, a.unit, a.worker, a.answer, j.template FROM assignment AS a JOIN job_listing AS j ON j.posting = a.posting
         WHERE a.answer IS NOT NULL AND j.template IN ('bounding-box', 'entity-annotation', 'classifier-multi-select', 'image-classifier-multi-select')
           AND a.id > :cursor
         ORDER BY a.id LIMIT 1000"""), ""
    write = sa.text("INSERT INTO answer_label (posting, slot, unit, worker, label) VALUES (:posting, :slot, :unit, :worker, :label)")
    while rows := connection.execute(answers, {"cursor": cursor}).all():
        cursor = rows[-1].id
        connection.execute(write, [
            {"posting": r.posting, "slot": r.slot, "unit": r.unit, "worker": r.worker, "label": _parts(r.template, json.loads(r.answer))} for r in rows
        ])


def _parts(template: str, answer: Any) -> str:
    name, fields = PARTS[template]
    parts = [{field: one[field] for field in fields} if fields else one for one in answer[name]]
    return "[" + ",".join(sorted(json.dumps(one, ensure_ascii=False, separators=(",", ":"), sort_keys=True) for one in parts)) + "]"
