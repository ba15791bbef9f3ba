"""Unit tests reach nothing: no socket is opened here."""

import socket

import pytest


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuses every connection, so that a unit test which needs a network fails and says so."""

    def refuse(self: socket.socket, address: object) -> None:
        raise AssertionError(f"a unit test tried to reach {address}; it belongs in another folder")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
