#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      table - every call site that was made to fail, and what became of it
# PURPOSE   Makes build/faults.md of what the runs of test_sites*.py left in build/faults.jsonl: a summary
#           by process, then each site once, with its last outcome.
# OWNER     tests
# CONTRACT  table.py [FILE.jsonl ...]: default build/faults.jsonl; prints the summary
# LIMITS    none known

import collections
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MEANING = {
    "served": "nobody noticed, or the call was made again",
    "refused": "one request, datagram or session was refused, the next one was served",
    "worker replaced": "the worker ended itself, its successor went on",
    "start refused": "the start was refused with a sentence and an exit status",
    "library crashed": "a library used memory that it did not get, while the process started; if it was"
                       " a worker, it was replaced",
    "not reached": "did not come by again in that step",
    "DEFECT": "a promise was broken",
    "CRASHED, replaced": "a worker crashed, its successor went on",
}


def read(paths):
    """{(key, step): row}, the last of each."""
    rows = {}
    for path in paths:
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["outcome"] == "not reached" and row["key"] in rows:
                continue
            rows[row["key"]] = row
    return list(rows.values())


def summary(rows):
    """Lines: kinds of process down, outcomes across."""
    outcomes = [what for what in MEANING if any(row["outcome"] == what for row in rows)]
    count = collections.Counter((row["process"], row["outcome"]) for row in rows)
    yield "| process | sites | " + " | ".join(outcomes) + " |"
    yield "|---" * (2 + len(outcomes)) + "|"
    for process in sorted({row["process"] for row in rows}):
        total = sum(row["process"] == process for row in rows)
        yield f"| {process} | {total} | " + " | ".join(str(count[process, what]) for what in outcomes) + " |"
    sums = [sum(count[process, what] for process in {row["process"] for row in rows}) for what in outcomes]
    yield f"| **all** | {len(rows)} | " + " | ".join(map(str, sums)) + " |"


def main():
    rows = read(sys.argv[1:] or [ROOT / "build/faults.jsonl"])
    lines = ["# Call sites that were made to fail", "", *summary(rows), ""]
    lines += [f"* {what}: {meaning}" for what, meaning in MEANING.items()
              if any(row["outcome"] == what for row in rows)]
    for process in sorted({row["process"] for row in rows}):
        lines += ["", f"## {process}", "", "| call | callers | step | outcome | said |", "|---|---|---|---|---|"]
        for row in sorted((row for row in rows if row["process"] == process),
                          key=lambda row: (row["call"], row["callers"])):
            said = row["text"].replace("|", "/").replace("\n", " ")[:160]
            lines.append(f"| {row['call']} | {' < '.join(row['callers'])} | {row['step']} | {row['outcome']} | {said} |")
    (ROOT / "build/faults.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(summary(rows)))
    print(f"{len(rows)} sites: build/faults.md")


if __name__ == "__main__":
    main()
