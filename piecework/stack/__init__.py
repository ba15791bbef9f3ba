"""Starts, watches and stops the pieces of a marketplace on one machine.

    accounts     the wallets that every devnet knows
    signals      Ctrl-C and SIGTERM, held back where they would leave something behind
    process      one program: start it, know it again, stop it
    state        what a data directory remembers, and whether something runs from it
    journal      Anvil's blocks on disk
    gate         tells nobody of a block that isn't there yet, so that kill -9 loses none
    anvil        Anvil behind the gate
    ganache      Ganache, which keeps its chain itself
    settings     what was asked for, settled with what was asked for before
    contracts    the escrow on the chain: compiled, deployed once, checked
    supervisor   everything in order, and in the other order to stop
    detached     a supervisor that stays when the command returns
    control      is a stack there, and end it
    report       progress, for a terminal, a file or another process
"""
