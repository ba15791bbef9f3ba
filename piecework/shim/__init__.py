"""Runs a program that has Amazon's address built in against a marketplace, without changing the program."""
