"""Remake the ledger: run the commands that its rows name. ``make results``

Each row of ``book/results/*.json`` names the command that wrote it. This runs every command once,
in the order of the chapters; with arguments, only those of rows whose id starts with one of them::

    python tools/results.py                 # everything (hours)
    python tools/results.py --list          # what would run, and what took how long last time
    python tools/results.py 06.styles       # the rows about styles
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LEDGER = ROOT / "book" / "results"


def commands(beginnings: list[str], ledger: Path = LEDGER) -> dict[str, list[dict[str, Any]]]:
    """Each command of the ledger with the rows it writes, in the ledger's order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(ledger.glob("*.json")):
        for row in json.loads(path.read_text(encoding="utf-8")):
            if not beginnings or any(row["id"].startswith(start) for start in beginnings):
                found.setdefault(row["command"], []).append(row)
    return found


def run(command: str) -> int:
    """Run a ledger command with this Python: ``NAME=value python -m ...``."""
    words = shlex.split(command)
    environment = dict(os.environ)
    while words and re.match(r"^[A-Z_]+=", words[0]):
        name, value = words.pop(0).split("=", 1)
        environment[name] = value
    if words and re.fullmatch(r"python3?", words[0]):
        words[0] = sys.executable
    return subprocess.run(words, cwd=ROOT, env=environment, check=False).returncode


def main(arguments: list[str] | None = None) -> int:
    """Run the commands; 1 when one failed."""
    parser = argparse.ArgumentParser(description="Remake the ledger's rows.")
    parser.add_argument("ids", nargs="*", help="beginnings of row ids, such as 06.styles")
    parser.add_argument("--list", action="store_true", help="only say what would run")
    options = parser.parse_args(arguments)
    wanted = commands(options.ids)
    if not wanted:
        print(f"no row of the ledger starts with {' or '.join(options.ids) or 'anything'}")
        return 1
    failed = []
    for number, (command, rows) in enumerate(wanted.items(), start=1):
        took = max(float(row.get("seconds") or 0) for row in rows)
        print(f"[{number}/{len(wanted)}] {command}   (took {took:.0f} s)", flush=True)
        for row in rows:
            print(f"    {row['id']}")
        if options.list:
            continue
        start = time.perf_counter()
        if run(command) != 0:
            failed.append(command)
            print("    failed: its rows stay as they were", flush=True)
        print(f"    {time.perf_counter() - start:.0f} s", flush=True)
    for command in failed:
        print(f"failed: {command}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
