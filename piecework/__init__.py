"""Piecework: an open marketplace for small paid tasks, settled on a blockchain.

The rooms, from the ground up (a room imports only from rooms above it in this list):

    piecework.domain      terms, batches, commitments, money: pure values, no clock, no network, no database
    piecework.chain       JSON-RPC, contracts and their deployments
    piecework.sql         column types and engines that SQLite and PostgreSQL agree on
    piecework.migrations  how a database's tables come from one version to the next
    indexer               mirrors the escrow's events into SQL
    backend               the coordinator: content, assignments, receipts, reviews, settlement
    piecework.client      what a requester's or worker's program calls
    piecework.cli         the command line; the one place where everything is put together
"""
