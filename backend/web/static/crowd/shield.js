// Runs before anything of a requester's: a wallet's extension may have put itself into this window, and is taken out of it.
(() => {
  for (const name of ["ethereum", "web3", "solana", "phantom", "coinbaseWalletExtension", "rabby"]) {
    try { Object.defineProperty(window, name, { value: undefined, writable: false, configurable: false }); } catch { try { window[name] = undefined; } catch { /* the extension holds it fast */ } }
  }
  const mute = (event) => { event.stopImmediatePropagation(); event.preventDefault(); };
  for (const name of ["eip6963:requestProvider", "eip6963:announceProvider"]) window.addEventListener(name, mute, true);
})();
