"""Drafts and their units; a job says where its content lies, which was always in the file of its content hash before."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0006", "0005"
branch_labels = depends_on = None

UINT256 = sa.Numeric(78, 0).with_variant(sa.String(80), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('attachment',
        sa.Column('assignment', sa.String(34), nullable=False),
        sa.Column('sha256', sa.String(66), nullable=False),
        sa.Column('posting', sa.Integer(), nullable=False),
        sa.Column('worker', sa.String(42), nullable=False),
        sa.Column('media_type', sa.String(100), nullable=False),
        sa.Column('named', sa.Boolean(), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('assignment', 'sha256')
    )
    with op.batch_alter_table('attachment', schema=None) as batch_op:
        batch_op.create_index('attachment_loose', ['created_at'], unique=False, sqlite_where=sa.text('NOT named'), postgresql_where=sa.text('NOT named'))
        batch_op.create_index('attachment_of_blob', ['sha256'], unique=False)

    op.create_table('blob',
        sa.Column('sha256', sa.String(66), nullable=False),
        sa.Column('content', sa.String(200), nullable=False),
        sa.Column('size', sa.BigInteger(), nullable=False),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('sha256')
    )
    op.create_table('content_key',
        sa.Column('load', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('wrapped', sa.LargeBinary(), nullable=False),
        sa.Column('mark', sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint('load')
    )
    op.create_table('draft',
        sa.Column('id', sa.String(34), nullable=False),
        sa.Column('requester', sa.String(42), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('described', sa.Text(), nullable=False),
        sa.Column('load', sa.Integer(), nullable=True),
        sa.Column('job', sa.String(66), nullable=True),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.Column('updated_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('job')
    )
    with op.batch_alter_table('draft', schema=None) as batch_op:
        batch_op.create_index('draft_own', ['requester', 'id'], unique=False)

    op.create_table('unit_load',
        sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('draft', sa.String(34), nullable=True),
        sa.Column('state', sa.String(7), nullable=False),
        sa.Column('content', sa.String(200), nullable=False),
        sa.Column('rows', sa.Integer(), nullable=False),
        sa.Column('size', sa.BigInteger(), nullable=False),
        sa.Column('slots', sa.BigInteger(), nullable=False),
        sa.Column('units_root', sa.String(66), nullable=True),
        sa.Column('blocks', sa.LargeBinary(), nullable=True),
        sa.Column('error', sa.Text(), nullable=True),
        sa.Column('error_row', sa.Integer(), nullable=True),
        sa.Column('error_column', sa.String(200), nullable=True),
        sa.Column('created_at', INSTANT, nullable=False),
        sa.Column('moved_at', INSTANT, nullable=False),
        sa.PrimaryKeyConstraint('number')
    )
    with op.batch_alter_table('unit_load', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_unit_load_draft'), ['draft'], unique=False)
        batch_op.create_index(batch_op.f('ix_unit_load_moved_at'), ['moved_at'], unique=False)

    with op.batch_alter_table('posting', schema=None) as batch_op:
        batch_op.add_column(sa.Column('manifest', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('content', sa.String(200), nullable=True))
        batch_op.add_column(sa.Column('per_worker_limit', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('auto_approval_seconds', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('criteria', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('qualifications', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('ai_policy', sa.String(9), nullable=True))
    op.execute(
        "UPDATE posting SET content = substr(content_hash, 3, 2) || '/' || substr(content_hash, 3) || '.jsonl',"
        " criteria = '[]', qualifications = '[]', ai_policy = 'allowed'"
    )
    with op.batch_alter_table('posting', schema=None) as batch_op:
        for name, kind in (('content', 200), ('criteria', None), ('qualifications', None), ('ai_policy', 9)):
            batch_op.alter_column(name, existing_type=sa.String(kind) if kind else sa.Text(), nullable=False)
