"""The garbage collector looks through what requests leave, and not through modules."""

import subprocess
import sys

PROGRAM = """
import gc
import backend.app
from backend.services.sparing import spare_modules

def looked_through():
    return len(gc.get_objects(generation=2))

gc.collect()
print(looked_through() > 50_000, spare_modules(), looked_through() < 1_000, spare_modules())
import pandas
gc.collect()
print(looked_through() > 10_000, spare_modules(), looked_through() < 1_000)
"""


def test_modules_are_spared_whenever_they_come() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.split() == ["True", "True", "True", "False", "True", "True", "True"], done.stdout
