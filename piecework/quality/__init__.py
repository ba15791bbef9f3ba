"""What a crowd's answers are worth: consensus, spending, gold, detection, fairness.

Pure functions and values: nothing here reads a clock, an environment, a file, a network or a database; chance comes in as a seed.
`docs/quality.md` has the mathematics, its sources and the measured figures. pandas, SciPy, scikit-learn and crowd-kit are imported
where they are used: a service imports these rooms, and to have them at its start would take seconds and 200 MB.
"""

VERSION = "1"
"""Of the mathematics: a result file names it, and it rises whenever the same answers could give another result."""
