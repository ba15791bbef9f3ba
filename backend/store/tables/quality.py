"""What answers come to: labels as they came, what each unit is thought to be, and how good each worker is."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from backend.store.tables import fields


class AnswerLabel(SQLModel, table=True):
    """The class that a revealed answer chooses, written with the answer."""

    __tablename__ = "answer_label"
    __table_args__ = (Index("answer_label_new", "posting", "slot", **fields.where("place IS NULL")),)
    posting: int = Field(primary_key=True)
    slot: int = fields.big(primary_key=True)
    unit: int
    worker: str = Field(max_length=42)
    label: str = Field(sa_type=Text)
    place: int | None = fields.big(default=None)
    """Which of its job's answers it was to be taken into the consensus, from 0; NULL until it is."""


class AnswerReport(SQLModel, table=True):
    """That a revealed answer reports its task as broken, or its worker as unqualified for it; written with the answer."""

    __tablename__ = "answer_report"
    __table_args__ = (Index("answer_report_of_unit", "posting", "unit"), Index("answer_report_of_worker", "posting", "worker"))
    assignment: str = Field(primary_key=True, max_length=34)
    posting: int
    slot: int = fields.big()
    unit: int
    worker: str = Field(max_length=42)
    kind: str = Field(max_length=12)


class JobConsensus(SQLModel, table=True):
    """Where a job's consensus stands. Between two fits its units follow their answers by the numbers of the last one."""

    __tablename__ = "job_consensus"
    __table_args__ = (
        Index("job_consensus_due", "refit_at", **fields.where("refit_at IS NOT NULL")),
        Index("job_consensus_disputed", "disputed", **fields.where("disputed IS NOT NULL")),
    )
    posting: int = Field(primary_key=True)
    answers: int = fields.big()
    """Taken in so far; the next one's place."""
    classes: str = Field(sa_type=Text)
    """JSON list, in the order in which they were first said."""
    fitted: int = fields.big()
    """Answers that the last fit was over: those with places below this."""
    rejected: int = fields.big(default=0, sa_column_kwargs={"server_default": "0"})
    """How many of them it left out because they were rejected."""
    disputed: int | None = fields.big(default=None)
    """The last block that was seen to contest something of it, or to end a contest; a reorg may have taken it away since."""
    units: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """How many units it has a row of: those with an answer that counts."""
    used: str = Field(max_length=10)
    """The algorithm that the last fit ran; empty before it."""
    priors: str = Field(sa_type=Text)
    """JSON: how common each class is."""
    average: str = Field(sa_type=Text)
    """JSON {right, rates}: the word of a worker of whom nothing is known."""
    alpha: float | None = Field(default=None)
    temperature: float | None = Field(default=None)
    fitting: int | None = Field(default=None)
    """How much of a fit that runs now is done, per cent of its most iterations."""
    refused: str | None = Field(default=None, sa_type=Text)
    """Why it can't be fitted."""
    fitted_at: datetime | None = fields.instant(default=None)
    refit_at: datetime | None = fields.instant(default=None)


class UnitConsensus(SQLModel, table=True):
    """What a unit's answers come to now."""

    __tablename__ = "unit_consensus"
    posting: int = Field(primary_key=True)
    unit: int = Field(primary_key=True)
    label: str = Field(sa_type=Text)
    confidence: float
    answers: int
    counts: str = Field(sa_type=Text)
    """JSON: label → how many said it."""
    shares: str = Field(sa_type=Text)
    """JSON: label → how likely."""


class WorkerSkill(SQLModel, table=True):
    """How often a worker is right in a job by the last fit, with the middle 95 % of its posterior."""

    __tablename__ = "worker_skill"
    posting: int = Field(primary_key=True)
    worker: str = Field(primary_key=True, max_length=42)
    answers: int
    right: float
    low: float
    high: float
    rates: str = Field(sa_type=Text)
    """JSON: P(said | true) as said → true → probability."""


class GoldUnit(SQLModel, table=True):
    """A unit whose answer its requester knows. Its slots are handed out by the gold policy alone."""

    __tablename__ = "gold_unit"
    posting: int = Field(primary_key=True)
    unit: int = Field(primary_key=True)
    label: str = Field(sa_type=Text)
    explanation: str | None = Field(default=None, sa_type=Text)
    """Makes it a unit to learn by: its worker is told this and the label once it has answered."""


class GoldSeen(SQLModel, table=True):
    """That a worker was given a known unit, whether it answered or not; nobody is given one twice."""

    __tablename__ = "gold_seen"
    posting: int = Field(primary_key=True)
    worker: str = Field(primary_key=True, max_length=42)
    unit: int = Field(primary_key=True)
    slot: int = fields.big()


class JobRules(SQLModel, table=True):
    """By which facts a requester's qualifications are granted to a job's workers."""

    __tablename__ = "job_rules"
    posting: int = Field(primary_key=True)
    requester: str = Field(max_length=42)
    rules: str = Field(sa_type=Text)
    """JSON list of {name, conditions, qualification, value, revoke}."""


class Attester(SQLModel, table=True):
    """Whose attestations a qualification is granted by, and the EAS registry that they are bound to."""

    __tablename__ = "attester"
    qualification: str = Field(primary_key=True, max_length=34)
    attester: str = Field(primary_key=True, max_length=42)
    chain_id: int = fields.big()
    eas: str = Field(max_length=42)
    version: str = Field(max_length=16)


class Nullifier(SQLModel, table=True):
    """That a person, whom its attester knows by this number, has a qualification under one account, and so under no other."""

    __tablename__ = "nullifier"
    qualification: str = Field(primary_key=True, max_length=34)
    nullifier: str = Field(primary_key=True, max_length=66)
    account: str = Field(max_length=42)


class JobRouting(SQLModel, table=True):
    """How a job's units are split between its requester's model and people."""

    __tablename__ = "job_routing"
    posting: int = Field(primary_key=True)
    seed: int = fields.big()
    target_bps: int
    """How often the model must be right to label a unit, in 1/10,000."""
    audit: int
    """How many of the model's units people look at all the same."""
    routed: bool
    """False while people label the validation set."""
    threshold: float | None = Field(default=None)
    """The least confidence with which the model labels; NULL where it may label nothing."""
    changed_at: datetime = fields.instant()


class RoutedUnit(SQLModel, table=True):
    """Who labels a unit: validation and audit are random samples for people, model is the model's, people the rest."""

    __tablename__ = "routed_unit"
    __table_args__ = (Index("routed_unit_role", "posting", "role", "unit"),)
    posting: int = Field(primary_key=True)
    unit: int = Field(primary_key=True)
    role: str = Field(max_length=10)
