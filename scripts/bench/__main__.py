"""python -m scripts.bench gas | replay [--json]"""

import argparse
import sys
from pathlib import Path

from scripts.bench import gas, replay
from scripts.bench.rows import print_rows

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description="Measures what is promised.")
    benches = parser.add_subparsers(dest="bench", required=True)
    main_job = benches.add_parser("replay", help="the main job: seconds, gas and memory")
    main_job.add_argument("--answers", type=Path, help="real answers to measure the first rows on, instead of made ones")
    main_job.add_argument("--truth", type=Path)
    benches.add_parser("gas", help="the protocol's gas, beside plain transfers and what others cost")
    for bench in benches.choices.values():
        bench.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    rows = gas.measure() if chosen.bench == "gas" else replay.measure(chosen.answers, chosen.truth)
    print_rows(chosen.bench, rows, chosen.json)
    sys.exit(0)
