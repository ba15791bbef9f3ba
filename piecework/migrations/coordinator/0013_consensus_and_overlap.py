"""Consensus and overlap."""

import json

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0013", "0012"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('answer_label',
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('slot', sa.BigInteger(), nullable=False),
        sa.Column('unit', sa.Integer(), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('label', sa.Text(), nullable=False),
        sa.Column('place', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('posting', 'slot')
    )
    with op.batch_alter_table('answer_label', schema=None) as batch_op:
        batch_op.create_index('answer_label_new', ['posting', 'slot'], unique=False, sqlite_where=sa.text('place IS NULL'), postgresql_where=sa.text('place IS NULL'))

    op.create_table('job_consensus',
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('answers', sa.BigInteger(), nullable=False),
        sa.Column('classes', sa.Text(), nullable=False),
        sa.Column('fitted', sa.BigInteger(), nullable=False),
        sa.Column('used', sa.String(10), nullable=False),
        sa.Column('priors', sa.Text(), nullable=False),
        sa.Column('average', sa.Text(), nullable=False),
        sa.Column('alpha', sa.Float(), nullable=True),
        sa.Column('temperature', sa.Float(), nullable=True),
        sa.Column('fitting', sa.Integer(), nullable=True),
        sa.Column('refused', sa.Text(), nullable=True),
        sa.Column('fitted_at', INSTANT, nullable=True),
        sa.Column('refit_at', INSTANT, nullable=True),
        sa.PrimaryKeyConstraint('posting')
    )
    with op.batch_alter_table('job_consensus', schema=None) as batch_op:
        batch_op.create_index('job_consensus_due', ['refit_at'], unique=False, sqlite_where=sa.text('refit_at IS NOT NULL'), postgresql_where=sa.text('refit_at IS NOT NULL'))

    op.create_table('unit_consensus',
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('unit', sa.Integer(), nullable=False),
        sa.Column('label', sa.Text(), nullable=False),
        sa.Column('confidence', sa.Float(), nullable=False),
        sa.Column('answers', sa.Integer(), nullable=False),
        sa.Column('counts', sa.Text(), nullable=False),
        sa.Column('shares', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('posting', 'unit')
    )
    op.create_table('worker_skill',
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('answers', sa.Integer(), nullable=False),
        sa.Column('right', sa.Float(), nullable=False),
        sa.Column('low', sa.Float(), nullable=False),
        sa.Column('high', sa.Float(), nullable=False),
        sa.Column('rates', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('posting', 'worker')
    )
    with op.batch_alter_table('posting', schema=None) as batch_op:
        batch_op.add_column(sa.Column('overlap', sa.Text(), nullable=True))

    with op.batch_alter_table('unit', schema=None) as batch_op:
        batch_op.add_column(sa.Column('withheld', sa.BigInteger(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('wanted', sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column('rank', sa.BigInteger(), nullable=True))
        batch_op.create_index('unit_ranked', ['posting', 'rank', 'position'], unique=False, sqlite_where=sa.text('free > 0 AND rank IS NOT NULL'), postgresql_where=sa.text('free > 0 AND rank IS NOT NULL'))

    _labels_of_before(op.get_bind())


def _labels_of_before(connection: sa.Connection) -> None:
    """Answers that choose a class and came before there was a place for it."""
    answers, cursor = sa.text("""
        SELECT a.id, a.posting, a.slot, a.unit, a.worker, a.answer FROM assignment AS a JOIN job_listing AS j ON j.posting = a.posting
         WHERE a.answer IS NOT NULL AND j.template IN ('label', 'classifier', 'image-classifier', 'pairwise') AND a.id > :cursor
         ORDER BY a.id LIMIT 1000"""), ""
    write = sa.text("INSERT INTO answer_label (posting, slot, unit, worker, label) VALUES (:posting, :slot, :unit, :worker, :label)")
    while rows := connection.execute(answers, {"cursor": cursor}).all():
        cursor = rows[-1].id
        said = [{"posting": r.posting, "slot": r.slot, "unit": r.unit, "worker": r.worker, "label": _label(r.answer)} for r in rows]
        if fitting := [row for row in said if row["label"] is not None]:
            connection.execute(write, fitting)


def _label(text: str) -> str | None:
    answer = json.loads(text)
    if isinstance(answer, dict):
        answer = answer.get("label", answer.get("winner"))
    return answer if isinstance(answer, str) and 0 < len(answer) <= 200 else None
