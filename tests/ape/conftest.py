"""What a test through ape's own API stands on. Elsewhere than in ape's environment there is nothing to collect here."""

from importlib.util import find_spec

import pytest

collect_ignore_glob = [] if find_spec("ape") else ["test_*.py"]


@pytest.fixture
def requester(accounts):
    return accounts[1]


@pytest.fixture
def coordinator(accounts):
    return accounts[2]


@pytest.fixture
def stranger(accounts):
    return accounts[3]


@pytest.fixture
def worker(accounts):
    return accounts[4]


@pytest.fixture
def escrow(project, accounts):
    return accounts[0].deploy(project.Piecework, accounts[0])


@pytest.fixture
def dollar(project, accounts, escrow, requester):
    """A dollar of which the requester has plenty, and lets the escrow take it."""
    token = accounts[0].deploy(project.DevnetDollar)
    token.mint(requester, 10**12, sender=requester)
    token.approve(escrow, 10**12, sender=requester)
    return token
