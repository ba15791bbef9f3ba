"""What the coordinator is told from outside: one class, built at the composition root and passed down."""

from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from piecework.domain.errors import Invalid


class Settings(BaseSettings):
    """Read from environment variables that begin with PIECEWORK_."""

    model_config = SettingsConfigDict(env_prefix="PIECEWORK_", extra="ignore")

    database_url: str = Field(description="SQLAlchemy URL: sqlite:////path or postgresql+psycopg://…")
    rpc_url: str = Field(description="The chain's JSON-RPC endpoint; several, separated by commas, are asked in turn.")
    public_rpc_url: str | None = Field(None, description="The endpoint that wallets are told; by default the first of the others.")
    deployment: Path = Field(description="The deployment file that says where the escrow is.")
    data: Path = Field(description="Folder for jobs' content, and for uploads on their way in.")
    content_url: str | None = Field(None, description="s3://bucket/prefix, where jobs' content lies instead; AWS_… say how to get there.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(0, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str | None = Field(None, description="What users type to get here; by default http://host:port.")
    coordinator_key: SecretStr = Field(description="0x hex; signs receipts and batches.")
    relayer_key: SecretStr = Field(description="0x hex; pays the gas of settlements and relayed withdrawals.")
    push_gas: int = Field(60_000, ge=0, le=5_000_000, description="Gas each push may use; 0 credits everybody.")
    settle_gas: int = Field(12_000_000, ge=1_000_000, description="Most gas one settlement should take.")
    max_fee_gwei: float = Field(500, gt=0, description="The most that a gas of a transaction of ours may cost.")
    bump_seconds: float = Field(60, gt=0, description="After how long without being mined a transaction is made to offer more.")
    finality_blocks: int = Field(64, ge=0, description="Blocks after which a confirmed transaction is not looked at again.")
    operator_gas: int = Field(
        0, ge=0, description="Wei that the relayer gives an operator of ours that runs low; 0 leaves that to its requester."
    )
    batch_slots: int = Field(1_000, ge=1, description="Approved answers that make a batch at once, where an operator signs.")
    batch_seconds: float = Field(2.0, ge=0, description="How long the last of them waits for others; the first, at most ten times as long.")
    webhooks_anywhere: bool = Field(False, description="Whether webhooks may go to private addresses and without TLS, and pictures be fetched so; for trying.")
    smtp_host: str | None = Field(None, description="Server that carries mail; none is sent without.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field("starttls", description="How the connection to it is protected.")
    smtp_user: str | None = Field(None, description="Who signs in there, where it asks.")
    smtp_password: SecretStr = Field(SecretStr(""), description="With what.")
    smtp_from: str = Field("piecework@localhost.localdomain", pattern=r"^[^@\s<>]+@[^@\s<>]+$", description="Address that mail comes from.")
    mturk_calls: float = Field(500, gt=0, description="Calls a second that an access key of Mechanical Turk's interface may send, a process.")
    mturk_burst: int = Field(2_000, ge=1, description="How many more at once after a quiet time.")
    mturk_sqs: str | None = Field(None, description="Endpoint that carries notifications of Mechanical Turk's interface to SQS.")
    mturk_sns: str | None = Field(None, description="Endpoint that carries them to SNS.")
    eas: str | None = Field(None, description="EAS contract that attested qualifications are bound to; by default the escrow's address.")
    hourly_floor: int = Field(0, ge=0, description="Base units of the deployment's token that a job must pay an hour; 0 for no floor.")
    trustees: str = Field("", description="Addresses, separated by commas, that look at jobs whose rejections wait.")
    lease_seconds: float = Field(6, ge=1, description="After how long without a sign of life another process takes over what only one does.")
    herald_seconds: float = Field(15, gt=0, description="How often requesters are told of new answers, and deadlines are looked through.")
    remind_seconds: int = Field(86_400, ge=0, description="How long before a deadline whoever it is about is reminded, at most.")
    webhook_hours: float = Field(24, gt=0, description="How long a delivery to a webhook is tried.")
    watchtower: bool = Field(True, description="Whether to do what silent requesters leave undone, with the coordinator key's gas money.")
    watch_seconds: float = Field(15, gt=0, description="Seconds between two looks of the watchtower.")
    watch_margin_seconds: int = Field(
        2 * 86_400, ge=0, description="How long before a job closes its unapproved answers are opened."
    )
    watch_multiple: Decimal = Field(
        Decimal(2), ge=0, description="How many times its gas a call of the watchtower must move; 0 spends gas on everything."
    )
    coin_price: Decimal = Field(
        Decimal(3000), gt=0, description="What one whole coin of the chain costs in whole tokens, to weigh gas against pay."
    )
    trusted_proxies: str = Field("", description="Proxies whose X-Forwarded-For is believed: addresses or networks, separated by commas.")
    metrics_from: str = Field("127.0.0.0/8,::1", description="Who may read /metrics: addresses or networks, separated by commas.")
    log_format: Literal["text", "json"] = Field("text", description="Lines for people, or one JSON object a line.")
    origins: str = Field("*", description="Origins whose pages may call the API, without cookies; * for all, separated by commas.")
    rate_address: float = Field(50, ge=0, description="Requests a second of one address that isn't this machine; 0 for no limit.")
    rate_account: float = Field(50, ge=0, description="Requests a second of one account, where its address is limited.")
    rate_sign_ins: float = Field(60, ge=0, description="Requests a minute of one address to sign in.")
    session_seconds: int = Field(7 * 86_400, ge=60, description="How long a session lasts.")
    nonce_seconds: int = Field(600, ge=10, description="How long a sign-in may take.")


def read_settings() -> Settings:
    """The settings of this process.

    Raises:
        Invalid: a variable is missing or wrong; the sentence names it.
    """
    try:
        return Settings()  # type: ignore[call-arg]  # pydantic-settings fills the fields from the environment
    except ValidationError as error:
        first = error.errors()[0]
        name = "PIECEWORK_" + "_".join(map(str, first["loc"])).upper()
        raise Invalid(f"{name}: {first['msg']}.") from None
