"""Fairness and signals."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0016", "0015"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('answer_signal',
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('slot', sa.BigInteger(), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('seconds', sa.Float(), nullable=False),
        sa.Column('letters', sa.Integer(), nullable=False),
        sa.Column('pasted_share', sa.Float(), nullable=False),
        sa.Column('focus_losses', sa.Integer(), nullable=False),
        sa.Column('rhythm', sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint('posting', 'slot')
    )
    with op.batch_alter_table('answer_signal', schema=None) as batch_op:
        batch_op.create_index('answer_signal_of_worker', ['worker'], unique=False)

    op.create_table('detection',
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('due_at', INSTANT, nullable=True),
        sa.Column('ran_at', INSTANT, nullable=True),
        sa.Column('left_out', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('posting')
    )
    with op.batch_alter_table('detection', schema=None) as batch_op:
        batch_op.create_index('detection_due', ['due_at'], unique=False, sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'))

    op.create_table('finding',
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('detector', sa.String(16), nullable=False),
        sa.Column('evidence', sa.Text(), nullable=False),
        sa.Column('false_positive_rate', sa.Float(), nullable=False),
        sa.Column('p', sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint('number')
    )
    with op.batch_alter_table('finding', schema=None) as batch_op:
        batch_op.create_index('finding_of_job', ['posting', 'worker'], unique=False)
        batch_op.create_index('finding_of_worker', ['worker', 'posting'], unique=False)

    op.create_table('finding_review',
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('verdict', sa.String(9), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('reviewer', sa.String(42), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('posting', 'worker')
    )
    op.create_table('prediction',
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('unit', sa.Integer(), nullable=False),
        sa.Column('label', sa.Text(), nullable=False),
        sa.Column('confidence', sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint('posting', 'unit')
    )
    op.create_table('rejection_release',
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('why', sa.Text(), nullable=False),
        sa.Column('asked_at', INSTANT, nullable=False),
        sa.Column('decided_by', sa.String(42), nullable=True),
        sa.Column('released', sa.Boolean(), nullable=False),
        sa.Column('said', sa.Text(), nullable=True),
        sa.Column('decided_at', INSTANT, nullable=True),
        sa.PrimaryKeyConstraint('posting')
    )
    with op.batch_alter_table('rejection_release', schema=None) as batch_op:
        batch_op.create_index('rejection_release_waiting', ['asked_at'], unique=False, sqlite_where=sa.text('decided_at IS NULL'), postgresql_where=sa.text('decided_at IS NULL'))

    op.create_table('review_tally',
        sa.Column('subject', sa.String(66), nullable=False),
        sa.Column('approved', sa.BigInteger(), nullable=False),
        sa.Column('rejected', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('subject')
    )
    op.create_table('sharing_refused',
        sa.Column('account', sa.String(42), nullable=False),
        sa.PrimaryKeyConstraint('account')
    )
    with op.batch_alter_table('posting', schema=None) as batch_op:
        batch_op.add_column(sa.Column('signals', sa.Boolean(), server_default=sa.false(), nullable=False))

    for subject in ("p.job", "p.requester"):
        op.execute(f"""
            INSERT INTO review_tally (subject, approved, rejected)
            SELECT {subject}, sum(CASE WHEN a.state = 'rejected' THEN 0 ELSE 1 END), sum(CASE WHEN a.state = 'rejected' THEN 1 ELSE 0 END)
              FROM assignment AS a JOIN posting AS p ON p.number = a.posting
             WHERE a.state IN ('approved', 'rejected', 'batched') GROUP BY {subject}""")
