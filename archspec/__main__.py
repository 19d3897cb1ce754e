"""The command `archspec`, also as `python -m archspec`."""

import os
import sys


def main() -> None:
    """Runs the command and ends the process with its exit code."""
    if sys.argv[1:] == ["--version"]:  # without loading anything for it
        from archspec import __version__

        print(f"archspec {__version__}")
        return
    # Pydantic would look through every installed distribution for plugins of its own.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from archspec.cli import app

    app(prog_name="archspec")


if __name__ == "__main__":
    main()
