"""What a service loads when it starts."""

import subprocess
import sys

HEAVY = ("pandas", "scipy", "sklearn", "crowdkit", "pyarrow", "matplotlib")


def test_a_service_starts_without_the_libraries_that_only_some_answers_need() -> None:
    """Together they take seconds and 200 MB, and each process of the coordinator pays them."""
    loaded = f"import backend.app, sys; print(*(name for name in {HEAVY} if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_an_indexer_starts_without_the_driver_of_a_database_that_isnt_meant() -> None:
    loaded = "import indexer.__main__, sys; print('psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout == "False\n"


LATE = (
    "backend.services.parquet", "pandas", "scipy.sparse", "scipy.stats", "scipy.optimize", "scipy.ndimage", "scipy.special",
    "crowdkit.aggregation", "sklearn.pipeline", "sklearn.linear_model", "sklearn.feature_extraction.text", "PIL.Image", "siwe",
)  # fmt: skip
POISONS = """
import importlib, sys

def classes(of, found):
    for one in type.__subclasses__(of):
        if one not in found:
            found.add(one)
            classes(one, found)
    return found

importlib.import_module(sys.argv[1])
early = classes(object, set())
for name in sys.argv[2:]:
    importlib.import_module(name)
for late in classes(object, set()) - early:
    asked = next((base for base in late.__mro__[1:] if "_abc_impl" in vars(base)), None)
    if asked is None or getattr(asked, "_is_protocol", False):  # a protocol lists what it needs and has no answer of its own
        continue
    for base in (base for base in late.__mro__[1:] if base.__module__ == "collections.abc"):
        for builtin in (tuple, list, str, bytes, dict, set, int):
            if issubclass(builtin, asked) and not issubclass(builtin, base):
                print(f"{late.__module__}.{late.__qualname__} makes each {builtin.__name__} a {base.__name__}")
"""
"""Until a class has a registry of its own, Python asks that of its first base that has one (python/cpython#116093): whoever asks in
that moment whether a tuple is a Mapping, while a thread makes a class that is both a Sequence and a Mapping, hears yes, and so does
everybody from then on."""


def poisons(first: str, *late: str) -> list[str]:
    """What classes that are made by the `late` modules, after `first`, would spoil for threads that run meanwhile."""
    found = subprocess.run([sys.executable, "-c", POISONS, first, *late], capture_output=True, text=True, check=True)
    return found.stdout.splitlines()


def test_what_the_coordinator_loads_late_spoils_nothing_for_its_threads() -> None:
    """A tuple that is a Mapping ended every signature of a settler until its restart."""
    assert poisons("backend.__main__", *LATE) == []
    assert "pyarrow.lib.MapScalar makes each tuple a Mapping" in poisons("backend.app", "pandas"), "the check sees what it is for"
