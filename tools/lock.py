"""Write requirements.lock from what is installed here: ``make lock``.

The lock holds the exact version of everything that the package and its extras need, and nothing
else that happens to be installed. It names no index, so that pip uses the reader's own settings,
and leaves out local parts of versions (``2.13.0+cpu``), so that it fits every build of a release.
"""

from __future__ import annotations

import importlib.metadata as metadata
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
EXTRAS = ("book", "dev", "test", "tf")  # easyfsl (parity) is optional even for tests
HEADER = """\
# The exact versions this book was last built with. Written by `make lock`.
# Install with:  pip install -r requirements.lock && pip install --no-deps -e .
"""


def needed(name: str, extras: tuple[str, ...] = ()) -> dict[str, str]:
    """What a package needs here, with what that needs in turn: canonical name to version."""
    found: dict[str, str] = {}
    waiting = [(name, extras)]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        package, wanted = current
        distribution = metadata.distribution(package)
        if package != name:
            version = Version(distribution.version)
            found[canonicalize_name(package)] = version.public
        for text in distribution.requires or []:
            requirement = Requirement(text)
            if applies(requirement, wanted):
                waiting.append((requirement.name, tuple(sorted(requirement.extras))))
    return found


def applies(requirement: Requirement, extras: tuple[str, ...]) -> bool:
    """Whether a requirement counts on this machine with these extras."""
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))


def main() -> int:
    """Write the lock."""
    try:
        found = needed("etudes", EXTRAS)
    except metadata.PackageNotFoundError as missing:
        print(f"not installed: {missing}; run `make env` first", file=sys.stderr)
        return 1
    lines = [f"{name}=={version}\n" for name, version in sorted(found.items())]
    LOCK.write_text(HEADER + "".join(lines), encoding="utf-8")
    print(f"wrote {len(lines)} versions to {LOCK.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
