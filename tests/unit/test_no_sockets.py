"""The guard that keeps unit tests off the network."""

import socket

import pytest


def test_a_unit_test_that_reaches_out_fails() -> None:
    with socket.socket() as outside, pytest.raises(AssertionError, match="another folder"):
        outside.connect(("127.0.0.1", 9))
