"""python -m scripts.bench api | consensus | gas | indexer | mturk | pages | replay [--json]"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from scripts.bench import api, consensus, gas, indexer, mturk, pages, replay
from scripts.bench.rows import Row, print_rows


def _measured(chosen: argparse.Namespace) -> list[Row]:
    """The rows of the chosen bench."""
    if chosen.bench == "api":
        extent = api.SHORT if chosen.short else api.Extent()
        return api.measure(extent if chosen.database == "both" else replace(extent, kinds=(chosen.database,)))
    if chosen.bench == "consensus":
        return consensus.measure(chosen.labels, chosen.answers, chosen.truth)
    if chosen.bench == "gas":
        return gas.measure()
    if chosen.bench == "mturk":
        return mturk.measure(chosen.few, chosen.many)
    if chosen.bench == "pages":
        return pages.measure()
    if chosen.bench == "indexer":
        kinds = indexer.KINDS if chosen.database == "both" else (chosen.database,)
        parts = [part for part in chosen.only if part != "ponder" or not chosen.no_ponder]
        return indexer.measure(indexer.Extent(chosen.events, kinds, parts))
    return replay.measure(chosen.answers, chosen.truth)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description="Measures what is promised.")
    benches = parser.add_subparsers(dest="bench", required=True)
    main_job = benches.add_parser("replay", help="the main job: seconds, gas and memory")
    main_job.add_argument("--answers", type=Path, help="real answers to measure the first rows on, instead of made ones")
    main_job.add_argument("--truth", type=Path)
    benches.add_parser("gas", help="the protocol's gas, beside plain transfers and what others cost")
    service = benches.add_parser("api", help="complete answers a second, beside bare handlers, the usual way and doccano")
    service.add_argument("--database", choices=[*api.KINDS, "both"], default="both")
    service.add_argument("--short", action="store_true", help="one short round with a smaller job, to look at while one works")
    crowd = benches.add_parser("consensus", help="Dawid-Skene beside crowd-kit's, one update, memory")
    crowd.add_argument("--labels", type=int, default=consensus.LABELS, help="how many answers (default 1,000,000)")
    crowd.add_argument("--answers", type=Path, help="real answers whose consensus is compared with --truth, too")
    crowd.add_argument("--truth", type=Path)
    turk = benches.add_parser("mturk", help="Mechanical Turk's interface: calls a second beside few and many HITs, and gas beside a native job")
    turk.add_argument("--few", type=int, default=mturk.FEW, help="HITs in the one database (default 1,000)")
    turk.add_argument("--many", type=int, default=mturk.MANY, help="HITs in the other (default 100,000)")
    benches.add_parser("pages", help="first contentful paint, layout shift, script and style of every page in a real browser")
    mirror = benches.add_parser("indexer", help="the indexer beside the node's own speed, the usual way and Ponder")
    mirror.add_argument("--events", type=int, default=1_000_000, help="how many events the chain has (default 1,000,000)")
    mirror.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    mirror.add_argument("--no-ponder", action="store_true", help="leave Ponder out, which npm installs in the temporary folder")
    mirror.add_argument("--only", choices=indexer.PARTS, nargs="+", default=indexer.PARTS, help="measure these parts and no others")
    for bench in benches.choices.values():
        bench.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    print_rows(chosen.bench, _measured(chosen), chosen.json)
    sys.exit(0)
