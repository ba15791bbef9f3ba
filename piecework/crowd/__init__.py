"""Simulated workers, who try a marketplace out through its public API."""
