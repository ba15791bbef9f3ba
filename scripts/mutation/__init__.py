"""Mutation testing of the contracts: faults on purpose, one at a time, and the test that notices each."""
