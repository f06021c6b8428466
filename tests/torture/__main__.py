"""Torture ``bgnb``: kills, damaged pictures, odd values, full disks and two of everything, in one table.

``make torture`` runs it whole, in about half an hour on two cores, and writes the table into docs/trust.md. To run one part:
``python tests/torture --only kills --share 0.1``; with ``--into``, the page keeps the rows of all other parts.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import count, islice, pairwise
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import disks
import jobs
import kills
import pandas as pd
import pictures
import together
import values
from size import size

from bgnb.device import processor
from bgnb.study.tables import markdown, put_into

WORKERS = 2
COUNTS = {"kills": 100, "pictures": 2000, "values": 3000, "disks": 24, "together": 14, "size": 100_000, "without": 20}
COLUMNS = ("part", "what", "tried", "passed", "note")
ORDER = ("pictures", "values", "kills", "disks", "together", "all of these", "must fail", "size")  # of the parts in the table


def row(part: str, what: str, outcomes: list[list[str]], note: str = "") -> dict:
    """A row of the table; an outcome is the list of what went wrong in one try."""
    faults = [fault for outcome in outcomes for fault in outcome]
    for fault in faults:
        print(f"{part}, {what}: {fault}", file=sys.stderr, flush=True)
    passed = sum(not outcome for outcome in outcomes)
    return dict(zip(COLUMNS, (part, what, len(outcomes), passed, note), strict=True))


def cycles(part: str, one: Callable[[int], tuple[str, list[str]]], tries: int) -> list[dict]:
    """Rows for so many cycles, one for each kind of accident."""
    found = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        for what, faults in pool.map(one, range(tries)):
            found.setdefault(what, []).append(faults)
    return [row(part, what, found[what]) for what in sorted(found)]


def accidents(parts: dict[str, int], seed: int, folder: Path, timed: bool) -> list[dict]:
    """The parts that start commands: "kills", "disks", "together", and "without" their safeguards, which must fail."""
    given = jobs.prepare(folder / "given")
    before = jobs.fingerprint(given)
    needed = jobs.NAMES if set(parts) & {"disks", "together", "without"} else {kills.victim(n) for n in range(parts["kills"])}
    references = {name: jobs.reference(name, given, folder) for name in needed}
    common = (seed, given, folder, references)
    real, rows = disks.can_mount(folder / "disk"), []
    if "kills" in parts:
        rows += cycles("kills", lambda n: kills.cycle(n, *common, timed=timed), parts["kills"])
    if "disks" in parts:
        rows += cycles("disks", lambda n: disks.cycle(n, *common, real=real and n % 2 == 1), parts["disks"])
    if "together" in parts:
        rows += cycles("together", lambda n: together.cycle(n, *common), parts["together"])
    rows.append(row("all of these", "the given photos are untouched", [[] if jobs.fingerprint(given) == before else ["changed"]]))
    if "without" in parts:
        writes = (n for n in count() if kills.way(n) == "SIGKILL in a write")
        sweeps = (n for n in count() if together.pair(n) == "sweep")
        for safeguard, cycle, numbers in (("atomic write", kills.cycle, writes), ("lock", together.cycle, sweeps)):
            with ThreadPoolExecutor(WORKERS) as pool:
                tries = islice(numbers, parts["without"])
                ends = [*pool.map(lambda n, c=cycle, s=safeguard: c(n, *common, without=s), tries)]
            caught = sum(bool(faults) for _, faults in ends)
            what = f"without the {safeguard}, the suite notices"
            rows.append(row("must fail", what, [[] if caught else ["nobody noticed"]], f"{caught} of {len(ends)} tries failed"))
    return rows


def blocks(function: Callable, calls: list[tuple]) -> list:
    """Results of calls, each in a process of its own."""
    with ProcessPoolExecutor(WORKERS, get_context("spawn"), max_tasks_per_child=1) as pool:
        return [future.result() for future in [pool.submit(function, *call) for call in calls]]


def damaged(tries: int, seed: int, folder: Path) -> list[dict]:
    """Pictures by kind, and how much memory reading them took."""
    ends = [*range(0, tries, 250), tries]
    found, memory = {}, []
    for outcomes, most in blocks(pictures.block, [(first, last, seed, str(folder)) for first, last in pairwise(ends)]):
        memory.append(most)
        for kind, outcome in outcomes:
            found.setdefault(kind, []).append(outcome)
    rows = []
    for kind, outcomes in sorted(found.items()):
        tally = Counter(outcome for outcome in outcomes if outcome in ("read", "refused"))
        wrong = [[] if outcome in ("read", "refused") else [outcome] for outcome in outcomes]
        rows.append(row("pictures", kind, wrong, ", ".join(f"{n} {word}" for word, n in sorted(tally.items()))))
    large = blocks(pictures.largest, [(str(folder), False), (str(folder), True)])
    memory += [most for _, most in large]
    rows.append(row("pictures", "the largest that are read", [faults for faults, _ in large]))
    less = [[] if most < pictures.MEMORY else [f"{most / 1e6:.0f} MB"] for most in memory]
    return [*rows, row("pictures", "memory below 2 GB", less, f"{max(memory) / 1e6:.0f} MB at most")]


def odd(tries: int, seed: int, folder: Path) -> list[dict]:
    """Odd values, by where they are given."""
    blocks_each = 2 if tries >= 100 else 1  # a block starts a process, which takes longer than a few calls
    each = -(-tries // (blocks_each * len(values.KINDS)))
    calls = [(kind, each, 2 * seed + number, str(folder)) for kind in values.KINDS for number in range(blocks_each)]
    rows, found = [], iter(blocks(values.block, calls))
    for kind in values.KINDS:
        outcomes = [outcome for block in islice(found, blocks_each) for outcome in block]
        refused = outcomes.count("refused")
        wrong = [[] if outcome in values.FINE else [outcome] for outcome in outcomes]
        python = outcomes.count("TypeError")
        rows.append(row("values", kind, wrong, f"{refused} refused" + f", {python} by Python itself" * (python > 0)))
    return rows


def with_old(page: str, rows: list[dict]) -> list[dict]:
    """The rows, and those that a page holds of parts that were not run this time."""
    lines = page.partition("<!-- torture -->\n")[2].partition("<!-- end -->")[0].splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")][2:]
    old = [dict(zip(COLUMNS, row, strict=True)) for row in cells]
    new = {row["part"] for row in rows}
    return sorted([row for row in old if row["part"] not in new] + rows, key=lambda row: ORDER.index(row["part"]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=COUNTS, default=[*COUNTS], help="parts to run")
    parser.add_argument("--share", type=float, default=1, help="of the usual number of tries")
    parser.add_argument("--seed", type=int, default=0, help="decides everything random")
    parser.add_argument("--untimed", action="store_true", help="Ctrl-C may take as long as it likes")
    parser.add_argument("--into", help="Markdown file to put the table into, between <!-- torture --> and <!-- end -->")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    parts = {name: max(1, round(options.share * COUNTS[name])) for name in options.only}
    rows = []
    with TemporaryDirectory(prefix="torture-") as name:
        folder = Path(name)
        if "pictures" in parts:
            rows += damaged(parts["pictures"], options.seed, folder / "pictures")
        if "values" in parts:
            rows += odd(parts["values"], options.seed, folder / "values")
        if set(parts) & {"kills", "disks", "together", "without"}:
            (folder / "commands").mkdir()
            rows += accidents(parts, options.seed, folder / "commands", not options.untimed)
        if "size" in parts:
            rows += size(parts["size"], options.seed)
    shown = with_old(Path(options.into).read_text(), rows) if options.into else rows
    text = f"{markdown(pd.DataFrame(shown))}\n\nLast measured on {processor()}, {os.cpu_count()} cores; seed {options.seed}."
    print(text)
    if options.into:
        put_into(options.into, "torture", text)
    return int(any(line["passed"] < line["tried"] for line in rows))


if __name__ == "__main__":
    sys.exit(main())
