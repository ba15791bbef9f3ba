"""What a service loads when it starts."""

import subprocess
import sys

HEAVY = ("pandas", "scipy", "sklearn", "crowdkit", "pyarrow", "matplotlib")


def test_a_service_starts_without_the_libraries_that_only_some_answers_need() -> None:
    """Together they take seconds and 200 MB, and each process of the coordinator pays them."""
    loaded = f"import backend.app, sys; print(*(name for name in {HEAVY} if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
