# SPDX-License-Identifier: ISC
#
# NAME      figures - what a test measured, for whoever collects it
# PURPOSE   One line a row of figures, so that a soak run gathers from the flow tests what the
#           truth-keeper outside the daemon saw.
# OWNER     flow, fault and soak tests
# CONTRACT  figures("kill", kills=2000, lost=0, ...): prints `FIGURES {...}` at once; a test may say
#           several rows. of_report() picks from a simulator's report what every row states.
# LIMITS    none known

import json
import time

started = time.time()
OF_REPORT = {"frames": "frames", "expected": "expected", "lost": "lost", "doubled": "duplicates",
             "reordered": "reordered", "headers_missing": "headers_missing",
             "terminators_missing": "terminators_missing", "polls": "polls",
             "polls_unanswered": "polls_unanswered"}


def of_report(report):
    """Lost, doubled, longest gap and lateness as the simulator saw them."""
    found = {name: report[key] for name, key in OF_REPORT.items()}
    found["longest_gap_ms"] = round(report.get("gap_us", 0) / 1000, 1)
    found["late_p999_ms"] = round(report["latency_us"]["p999"] / 1000, 1)
    found["late_max_ms"] = round(report["latency_us"]["max"] / 1000, 1)
    return found


def figures(row, **counts):
    global started
    now = time.time()
    print("FIGURES " + json.dumps({"row": row, **counts, "start": round(started, 1),
                                   "end": round(now, 1)}), flush=True)
    started = now  # the next row begins where this one ended
