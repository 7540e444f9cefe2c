"""Kills the real binary at random moments under load, restarts it on the same directory and reconciles.

    python3 Tests/crash/crash.py --rounds 200 --seed 1

What a seed decides: the configuration, what is published, what endpoints answer, how and when each round ends. Threads and
the kernel decide the rest, so a seed repeats a story, not every byte of it. A failure prints a line that tells it again and
keeps the data directory.
"""

import argparse
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "blackbox")]
sys.dont_write_bytecode = True

from history import Failed, History  # noqa: E402 (needs the path above)

# Rounds on one data directory: enough for state to pass through several lives, few enough to tell what broke it.
ROUNDS_PER_HISTORY = 6


def keep(history, folder):
    """Moves what is left of a failed history to a place of its own and writes down what was seen."""
    target = pathlib.Path(folder) / f"seed-{history.seed}-{os.getpid()}"
    target.parent.mkdir(parents=True, exist_ok=True)
    if history.service.process and history.service.process.poll() is None:
        history.service.kill()
    shutil.copytree(history.service.directory, target, ignore=lambda _, names: [n for n in names if n.endswith(".sock")])
    (target / "service.log").write_text("".join(history.service.stderr))
    with history.endpoints.changed:
        deliveries = [(d.time, d.path, d.event()["id"], d.attempt, d.webhook_id, d.answered) for d in history.endpoints.deliveries]
    (target / "seen.json").write_text(json.dumps({
        "violations": history.record.violations, "ends": history.ends, "log": sorted(history.record.events.items()),
        "deliveries": deliveries, "sockets": {s.name: s.seen for s in history.subscribers}}))
    return target


def run_history(seed, rounds, arguments):
    """Whether it went well, and what was counted."""
    history = History(seed, lambda text: print(f"  {text}", flush=True) if arguments.verbose else None)
    start = time.monotonic()
    try:
        history.run(rounds)
    except Exception as error:
        text = str(error) if isinstance(error, Failed) else traceback.format_exc()
        print(f"FAILED {history!r}\n    {text}\n    service's directory: {keep(history, arguments.keep)}\n"
              f"    again: make crash ROUNDS={rounds} SEED={seed}", flush=True)
        return False, history.totals()
    finally:
        history.service.discard()
    print(f"ok   {history!r}, {rounds} rounds, {time.monotonic() - start:.1f} s", flush=True)
    return True, history.totals()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", default=str(HERE.parents[1] / ".build" / "crash"), help="where directories of failures go")
    parser.add_argument("--verbose", action="store_true", help="a line for each round")
    arguments = parser.parse_args()
    done, failed, seed, totals = 0, 0, arguments.seed, {}
    with tempfile.TemporaryDirectory(prefix="fanfare-crash-", ignore_cleanup_errors=True) as folder:
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        while done < arguments.rounds:
            rounds = min(ROUNDS_PER_HISTORY, arguments.rounds - done)
            went_well, counted = run_history(seed, rounds, arguments)
            failed += not went_well
            for name, count in counted.items():
                totals[name] = totals.get(name, 0) + count
            done, seed = done + rounds, seed + 1
    print(", ".join(f"{count:,} {name}" for name, count in totals.items()))
    print(f"{done} rounds from seed {arguments.seed}: {failed} of {seed - arguments.seed} histories failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
