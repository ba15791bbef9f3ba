"""The socket that the coordinator listens on."""

import socket
from pathlib import Path

from backend.__main__ import listen
from backend.settings import Settings


def test_answers_are_not_held_back_by_nagles_algorithm(tmp_path: Path) -> None:
    key = "0x" + "01" * 32
    settings = Settings(
        database_url="sqlite://", rpc_url="http://127.0.0.1:1", deployment=tmp_path, data=tmp_path, coordinator_key=key,
        relayer_key=key,
    )
    with listen(settings) as listener, socket.create_connection(listener.getsockname()[:2]):
        accepted, _ = listener.accept()
        with accepted:
            # What asyncio looks for before it sets TCP_NODELAY.
            assert accepted.proto == socket.IPPROTO_TCP
