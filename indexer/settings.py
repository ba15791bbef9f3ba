"""What the indexer is told from outside."""

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from piecework.domain.errors import Invalid

BULK_BLOCKS = 1_000


class Settings(BaseSettings):
    """Read from the environment, with the prefix PIECEWORK_, by the composition root (`indexer.__main__`) and passed down."""

    model_config = SettingsConfigDict(env_prefix="PIECEWORK_")

    database_url: str
    """A file's path, sqlite:///… or postgresql://…."""
    rpc_url: str
    """The node's JSON-RPC endpoint, http:// or https://; or those of several nodes of one chain, separated by commas."""
    websocket_url: str | None = Field(default=None, pattern="^wss?://")
    """A node's WebSocket, ws:// or wss://, whose new heads end the wait for the next look; nothing depends on it."""
    deployment: Path
    """The deployment file that names chain, escrow and first block."""
    confirmations: int = Field(default=0, ge=0)
    """How many blocks must stand on a block before it is mirrored."""
    finality_blocks: int = Field(default=64, ge=1)
    """How deep a reorg may be; a deeper one halts the indexer."""
    bulk_blocks: int = Field(default=BULK_BLOCKS, ge=1)
    """From so far behind on an empty mirror does without indexes until it is level."""
    poll_seconds: float = Field(default=0.1, gt=0)
    """How long to wait before asking for a new block again."""
    rpc_timeout_seconds: float = Field(default=10, gt=0)
    """How long the node may take for one answer."""
    indexer_host: str = "127.0.0.1"
    """Where /health, /ready, /status and /metrics are served."""
    indexer_port: int | None = Field(default=None, ge=0, le=65535)
    """Their port; 0 takes a free one, and without it nothing is served."""
    ready_blocks: int = Field(default=20, ge=0)
    """How many blocks the mirror may be behind the chain and still be called ready."""
    health_seconds: float = Field(default=60, gt=0)
    """How long the loop may be silent and still be called alive."""
    stall_seconds: float = Field(default=60, gt=0)
    """How long the chain may move without the mirror before the watchdog steps in."""
    log_format: Literal["text", "json"] = "text"
    """Lines for people, or one JSON object a line."""

    @property
    def rpc_urls(self) -> list[str]:
        """The nodes' addresses."""
        return [url.strip() for url in self.rpc_url.split(",")]


def read_settings() -> Settings:
    """The settings of this process.

    Raises:
        Invalid: variables are missing or wrong; the sentence names them.
    """
    try:
        return Settings()  # type: ignore[call-arg]  # pydantic-settings fills the fields from the environment
    except ValidationError as error:
        wrong = ", ".join(f"PIECEWORK_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise Invalid(f"The indexer's settings are incomplete or wrong ({wrong}).") from None
