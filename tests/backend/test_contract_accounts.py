"""A contract account signs in with its owner's signature, asked of its own code, and only here, only now, only as itself."""

import json
import subprocess
from functools import cache
from typing import Any

from eth_account.messages import defunct_hash_message

from piecework.chain.abi import Abi
from piecework.chain.build import ROOT
from piecework.chain.wallet import Wallet
from piecework.domain.typed_data import Key
from tests.backend.workshop import Answer, Works, call, new_key, sign_in_message

SOURCE = "contracts/test/harness/OwnedAccount.sol"


@cache
def built() -> tuple[Abi, str]:
    """The account's ABI and bytecode."""
    standard_input = {
        "language": "Solidity",
        "sources": {SOURCE: {"content": (ROOT / SOURCE).read_text()}},
        "settings": {"outputSelection": {SOURCE: {"OwnedAccount": ["abi", "evm.bytecode.object"]}}},
    }
    command = ["node", str(ROOT / "contracts" / "solc.cjs"), "--standard-json"]
    done = subprocess.run(command, input=json.dumps(standard_input), capture_output=True, text=True, check=True)
    made = json.loads(done.stdout)["contracts"][SOURCE]["OwnedAccount"]
    return Abi(made["abi"]), "0x" + made["evm"]["bytecode"]["object"]


class Account:
    """A contract account on the chain, and whoever signs for it."""

    def __init__(self, market: Works, owner: Key) -> None:
        self.market, self.owner = market, owner
        abi, bytecode = built()
        receipt = Wallet(market.chain.rpc, market.chain.deployer).send(None, bytecode + abi.encode_arguments(owner.address))
        assert receipt.contract is not None
        self.address = receipt.contract.lower()

    def message(self, **changed: Any) -> str:
        return sign_in_message(self.address, call(self.market, "POST", "/v1/session/nonce").body, **changed)

    def digest(self, message: str) -> bytes:
        """What the owner signs for the message, in the contract's own words."""
        data = built()[0].encode("messageHash", bytes(defunct_hash_message(text=message)))
        return bytes.fromhex(self.market.chain.rpc.call("eth_call", {"to": self.address, "data": data}, "latest")[2:])

    def sign_in(self, message: str, signature: bytes) -> Answer:
        return call(self.market, "POST", "/v1/session", {"message": message, "signature": "0x" + signature.hex()})


def test_an_account_that_is_a_contract_signs_in_by_its_owner_until_it_has_another(market: Works) -> None:
    chain, owner, heir = market.chain, new_key(), new_key()
    account, other = Account(market, owner), Account(market, owner)
    message = account.message()
    opened = account.sign_in(message, owner.sign(account.digest(message)))
    assert opened.status == 201 and opened.body["account"] == account.address
    token = opened.body["token"]
    assert call(market, "GET", "/v1/session", token=token).body["account"] == account.address
    assert call(market, "POST", "/v1/operators", {"name": "its own"}, token).status == 201, "it is an account like any other"
    assert account.sign_in(message, owner.sign(account.digest(message))).status == 422, "a nonce works once"

    message = account.message()
    for signature in (
        heir.sign(account.digest(message)),  # somebody else
        owner.sign(other.digest(message)),  # meant for another account of the same owner
        owner.sign(bytes(defunct_hash_message(text=message))),  # the owner's own word, not the account's
        owner.sign(account.digest(message))[:64],
        b"",
    ):
        refused = account.sign_in(message, signature)
        assert refused.status == 422 and "signature" in refused.body["detail"]

    for changed, word in ({"chain_id": 1}, "chain 1"), ({"domain": "evil.example"}, "evil.example"), ({"uri": "http://evil.example"}, "signs in to"):
        message = account.message(**changed)
        refused = account.sign_in(message, owner.sign(account.digest(message)))
        assert refused.status == 422 and word in refused.body["detail"], "however well it is signed"

    chain.rpc.call("anvil_setBalance", owner.address, hex(10**18))
    Wallet(chain.rpc, owner).send(account.address, built()[0].encode("setOwner", heir.address))
    message = account.message()
    assert account.sign_in(message, owner.sign(account.digest(message))).status == 422
    assert account.sign_in(message, heir.sign(account.digest(message))).status == 201
