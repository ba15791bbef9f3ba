"""Slots in runs: a row for those of 64 neighbouring ones that one event paid, in place of a row each."""

from itertools import groupby

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0003", "0002"
branch_labels = depends_on = None

RUN, ROWS = 64, 10_000
OLD = """
    SELECT s.job, s.slot / 64 AS run, s.chain_id, s.block_number, s.log_index, p.escrow, s.slot, s.place
      FROM mirror_slot s JOIN mirror_worker_payment p
        ON p.chain_id = s.chain_id AND p.block_number = s.block_number AND p.log_index = s.log_index AND p.place = s.place
       AND p.job = s.job
     ORDER BY s.job, s.slot / 64, s.chain_id, s.block_number, s.log_index, p.escrow, s.slot"""
NEW = """
    INSERT INTO mirror_slot_run (job, run, chain_id, block_number, log_index, escrow, first_slot, places)
    VALUES (:job, :run, :chain_id, :block_number, :log_index, :escrow, :first_slot, :places)"""
KEY = ("job", "run", "chain_id", "block_number", "log_index", "escrow")


def upgrade() -> None:
    op.execute('DROP VIEW mirror_slot_payment')
    op.create_table('mirror_byte',
        sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('digits', sa.String(2), nullable=False),
        sa.PrimaryKeyConstraint('number'),
        sa.UniqueConstraint('digits')
    )
    op.create_table('mirror_slot_run',
        sa.Column('job', sa.String(66), nullable=False),
        sa.Column('run', sa.BigInteger(), nullable=False),
        sa.Column('chain_id', sa.BigInteger(), nullable=False),
        sa.Column('block_number', sa.BigInteger(), nullable=False),
        sa.Column('log_index', sa.Integer(), nullable=False),
        sa.Column('escrow', sa.String(42), nullable=False),
        sa.Column('first_slot', sa.BigInteger(), nullable=False),
        sa.Column('places', sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint('job', 'run', 'chain_id', 'block_number', 'log_index'),
    sqlite_with_rowid=False
    )
    carry(op.get_bind())
    op.drop_table('mirror_slot')
    op.execute(
        "CREATE VIEW mirror_slot_payment AS SELECT r.job, r.first_slot + n.number AS slot, r.run, r.chain_id, r.escrow, "
        "r.block_number, r.log_index, e.transaction_hash, p.worker, p.slot_amount AS amount, p.outcome FROM mirror_slot_run r "
        "JOIN mirror_byte n ON n.number < length(r.places) / 2 JOIN mirror_byte b ON b.digits = substr(r.places, 2 * n.number "
        "+ 1, 2) JOIN mirror_worker_payment p ON p.chain_id = r.chain_id AND p.block_number = r.block_number AND p.log_index "
        "= r.log_index AND p.escrow = r.escrow AND p.place = b.number + 0 AND p.job = r.job AND r.run BETWEEN p.first_slot / 64 "
        "AND p.last_slot / 64 JOIN mirror_event e ON e.chain_id = r.chain_id AND e.block_number = r.block_number AND "
        "e.log_index = r.log_index AND e.escrow = r.escrow"
    )


def carry(connection):
    """The rows of slots, as rows of runs. An appeal's payment had place 0, which says nobody now: it has place 1."""
    connection.execute(sa.text("INSERT INTO mirror_byte VALUES (:number, :digits)"), [
        {"number": number, "digits": f"{number:02x}"} for number in range(256)
    ])
    found = connection.execute(sa.text(OLD).execution_options(yield_per=ROWS))
    rows = []
    for key, slots in groupby(found, lambda row: tuple(row[:6])):
        held = bytearray(RUN)
        for row in slots:
            held[row.slot % RUN] = row.place or 1
        first = next(at for at in range(RUN) if held[at])
        values = {"first_slot": key[1] * RUN + first, "places": bytes(held[first:]).rstrip(b"\0").hex()}
        rows.append(dict(zip(KEY, key, strict=True)) | values)
        if len(rows) == ROWS:
            connection.execute(sa.text(NEW), rows)
            rows = []
    if rows:
        connection.execute(sa.text(NEW), rows)
    connection.execute(sa.text("UPDATE mirror_worker_payment SET place = 1 WHERE place = 0"))
