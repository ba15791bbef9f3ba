"""Benches: python -m scripts.bench NAME [--json]. Each prints a row for every figure that is promised somewhere."""
