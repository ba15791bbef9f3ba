"""A real EIP-6963 wallet for Chromium: its keys are the test's, its chain is Anvil, and it can be told to be difficult."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address
from playwright.sync_api import BrowserContext, Locator, Page, expect

from piecework.chain.rpc import Rpc
from piecework.chain.wallet import Wallet
from piecework.domain.errors import PieceworkError
from piecework.domain.keccak import keccak256
from piecework.domain.typed_data import Key
from tests.backend.workshop import Works, new_key

PROVIDER = """
(() => {
  if (window.top !== window) return;
  const listeners = {};
  const provider = {
    async request({ method, params }) {
      const { value, error } = JSON.parse(await window.testWallet(JSON.stringify({ method, params: params ?? [] })));
      if (error) throw Object.assign(new Error(error.message), { code: error.code });
      return value;
    },
    on(name, listener) { (listeners[name] ??= []).push(listener); },
    removeListener() {},
  };
  window.walletSays = (name, value) => (listeners[name] ?? []).forEach((listener) => listener(value));
  const icon = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='24' height='24'><rect width='24' height='24' rx='6'/></svg>";
  const detail = Object.freeze({ info: Object.freeze({ uuid: "6f2b1d1c-8d7e-4f55-9a51-0d6f6a1c8a10", name: "Test wallet", icon, rdns: "org.example.wallet" }), provider });
  const announce = () => window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
  window.addEventListener("eip6963:requestProvider", announce);
  announce();
})();
"""


class Refused(Exception):
    """The person at the wallet says no, or the wallet can't."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class TestWallet:
    """A wallet and the person at it.

    Attributes:
        key: the account that is chosen.
        chain_id: the chain that it is on.
        refuses: methods that the person says no to.
        knows: chains that it can switch to.
        asked: every request, oldest first.
    """

    __test__ = False
    rpc: Rpc
    key: Key
    chain_id: int
    refuses: set[str] = field(default_factory=set)
    knows: set[int] = field(default_factory=set)
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def install(self, context: BrowserContext) -> None:
        """Puts it into every page of a browser's context."""
        context.expose_function("testWallet", self.answer)
        context.add_init_script(PROVIDER)

    def answer(self, text: str) -> str:
        """One request of a page, as JSON, and the answer to it."""
        asked = json.loads(text)
        self.asked.append((asked["method"], asked["params"]))
        try:
            return json.dumps({"value": self.request(asked["method"], asked["params"])})
        except Refused as refused:
            return json.dumps({"error": {"code": refused.code, "message": str(refused)}})
        except PieceworkError as error:
            return json.dumps({"error": {"code": -32603, "message": str(error)}})

    def request(self, method: str, params: list[Any]) -> Any:
        """What the wallet does."""
        if method in self.refuses:
            raise Refused(4001, "User rejected the request.")
        if method in ("eth_requestAccounts", "eth_accounts"):
            return [to_checksum_address(self.key.address)]
        if method == "eth_chainId":
            return hex(self.chain_id)
        if method == "wallet_switchEthereumChain":
            wanted = int(params[0]["chainId"], 16)
            if wanted not in self.knows:
                raise Refused(4902, "Unrecognized chain ID.")
            self.chain_id = wanted
            return None
        if method == "wallet_addEthereumChain":
            self.chain_id = int(params[0]["chainId"], 16)
            return None
        if method == "personal_sign":
            message = bytes.fromhex(params[0][2:])
            prefix = b"\x19Ethereum Signed Message:\n" + str(len(message)).encode()
            return "0x" + self.key.sign(keccak256(prefix + message)).hex()
        if method == "eth_signTypedData_v4":
            signable = encode_typed_data(full_message=json.loads(params[1]))
            return "0x" + bytes(Account.sign_message(signable, self.key.secret).signature).hex()
        if method == "eth_sendTransaction":
            sent = params[0]
            return Wallet(self.rpc, self.key).send(sent["to"], sent["data"], int(sent["value"], 16)).transaction_hash
        return self.rpc.call(method, *params)

    def count(self, method: str) -> int:
        """How often a page asked for something."""
        return [name for name, _ in self.asked].count(method)

    def change(self, page: Page, key: Key) -> None:
        """The person chooses another account."""
        self.key = key
        page.evaluate("address => walletSays('accountsChanged', [address])", to_checksum_address(key.address))


def goes_wrong(
    page: Page, wallet: TestWallet, press: Callable[[], None], said: Locator, refuses: str, shows: str, outage: Works | None = None,
    agrees: Sequence[str] = ("",),
) -> None:
    """What a difficult wallet does to a step that ends in it: on another chain, refusing, changing its account in the middle, and with
    `outage` while the marketplace is gone for a while. Each is said in words and undone; at the end the dialog is open as if nothing had been.

    Args:
        press: begins the step.
        said: where it says what came of it.
        refuses: the method that the person says no to.
        shows: what the dialog says.
        agrees: what stands on the buttons on the way to the refusal.
    """
    dialog, key, chain = page.locator("dialog.wallet"), wallet.key, wallet.chain_id
    wallet.chain_id, wallet.knows, wallet.refuses = 1, set(), {"wallet_addEthereumChain"}
    press()
    expect(said).to_contain_text("Your wallet is on chain 1")
    wallet.chain_id, wallet.knows, wallet.refuses = chain, {chain}, {refuses}
    press()
    for words in agrees:
        dialog.locator("button.primary", has_text=words).click()
    expect(said).to_have_text(f"You refused in the wallet. Nothing was {'sent' if refuses == 'eth_sendTransaction' else 'signed'}.")
    wallet.refuses = set()
    press()
    dialog.locator("button.primary").wait_for()
    wallet.change(page, new_key())
    dialog.locator("button.primary").click()
    expect(said).to_contain_text("changed to another account meanwhile")
    expect(page.locator("#said")).to_contain_text("you are signed in as")
    wallet.change(page, key)
    expect(page.locator("#said")).to_be_empty()
    if outage is not None:
        outage.kill("backend")
        press()
        expect(said).to_contain_text("The marketplace doesn't answer")
        outage.start("backend")
    press()
    expect(dialog).to_contain_text(shows)


def sign_in(page: Page) -> None:
    """Signs in from a page's head, as a person does."""
    page.locator("header [data-sign=in]").click()
    connect(page)
    page.locator("dialog.wallet button.primary").click()
    page.locator("header [data-sign=out]").wait_for()


def connect(page: Page) -> None:
    """Chooses the test's wallet where the page asks which."""
    page.locator("dialog.wallet").wait_for()
    choice = page.locator("dialog.wallet .choices button", has_text="Test wallet")
    if choice.count():
        choice.click()
        page.locator("dialog.wallet button.primary").wait_for()
