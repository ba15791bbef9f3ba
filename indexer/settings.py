"""What the indexer is told from outside."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from the environment, with the prefix PIECEWORK_, by the composition root (`indexer.__main__`) and passed down."""

    model_config = SettingsConfigDict(env_prefix="PIECEWORK_")

    database_url: str
    """A file's path, sqlite:///… or postgresql://…."""
    rpc_url: str
    """The node's JSON-RPC endpoint, http:// or https://."""
    deployment: Path
    """The deployment file that names chain, escrow and first block."""
    confirmations: int = Field(default=0, ge=0)
    """How many blocks must stand on a block before it is mirrored."""
    finality_blocks: int = Field(default=64, ge=1)
    """How deep a reorg may be; a deeper one halts the indexer."""
    poll_seconds: float = Field(default=0.1, gt=0)
    """How long to wait before asking for a new block again."""
    rpc_timeout_seconds: float = Field(default=10, gt=0)
    """How long the node may take for one answer."""
