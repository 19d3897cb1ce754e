"""Imported before all else of the command: ends it, if this package is no longer this one.

Another distribution is called `archspec`, too. Installed later, it writes its own `__init__.py` and `__main__.py` over
ours, and its script looks in `archspec.cli` for what ours does not have.
"""

from __future__ import annotations

import sys

import archspec


def _overwritten() -> str:
    """What has happened, in a line."""
    version = getattr(archspec, "__version__", "")
    return (
        f"the distribution archspec {version} (names of CPUs) was installed over archspec-nn, which has a package of "
        "that name, too; if it is not needed here: pip uninstall archspec; "
        "pip install --force-reinstall --no-deps archspec-nn"
    )


if "load" not in getattr(archspec, "__all__", ()):
    print("archspec: error:", _overwritten(), file=sys.stderr)
    raise SystemExit(2)
