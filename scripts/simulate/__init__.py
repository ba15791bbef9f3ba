"""A seed makes a chain, its reorgs, a node's lies and the indexer's deaths; in the end the tables must be the chain's."""
