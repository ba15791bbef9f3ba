"""Starts, watches and stops the pieces of a marketplace on one machine.

    accounts     the wallets that every devnet knows
    signals      Ctrl-C and SIGTERM, held back where they would leave something behind
    process      one program: start it, know it again, stop it
    state        what a data directory remembers, and whether something runs from it
    journal      Anvil's blocks on disk, so that kill -9 loses none
    devnet       Anvil, Ganache, or a chain that somebody else runs
    settings     what was asked for, settled with what was asked for before
    contracts    the escrow on the chain: compiled, deployed once, checked
    supervisor   everything in order, and in the other order to stop
    report       progress, for a terminal, a file or another process
"""
