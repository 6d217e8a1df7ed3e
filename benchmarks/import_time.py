"""How long ``import etudes`` takes by itself: ``python benchmarks/import_time.py``.

Starts fresh interpreters with ``-X importtime`` and reports the cumulative time of the package,
which should stay below 0.3 s. The time depends on the machine, so the tests do not assert it;
``tests/test_import_time.py`` asserts its cause: that importing etudes imports nothing heavy.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

LIMIT = 0.3  # seconds


def seconds() -> float:
    """Cumulative import time of ``etudes`` in a fresh interpreter."""
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import etudes"],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    line = next(line for line in told.splitlines() if line.split("|")[-1].strip() == "etudes")
    return int(line.split("|")[1]) / 1e6


def main() -> int:
    """Measure ten times; 1 when the median is over the limit."""
    times = [seconds() for _ in range(10)]
    median = statistics.median(times)
    print(f"import etudes: median {median * 1000:.1f} ms of 10, slowest {max(times) * 1000:.1f} ms")
    print(f"limit {LIMIT * 1000:.0f} ms: {'kept' if median < LIMIT else 'EXCEEDED'}")
    return 0 if median < LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
