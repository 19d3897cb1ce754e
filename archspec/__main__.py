"""The command `archspec`, also as `python -m archspec`."""

import contextlib
import gc
import io
import os
import sys


def main() -> None:
    """Runs the command and ends the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may not know every letter
    if sys.stdout is None:
        os._exit(_cannot_write("it is closed"))
    try:
        _run()
    except SystemExit as ending:
        _end(ending.code)
    except BrokenPipeError:
        os._exit(1)  # who reads has seen enough
    except OSError as error:
        os._exit(_cannot_write(error.strerror))
    _end(0)


def _run() -> None:
    if sys.argv[1:] == ["--version"]:  # without loading anything for it
        from archspec import __version__

        print(f"archspec {__version__}")
        return
    # Pydantic would look through every installed distribution for plugins of its own.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.set_threshold(50_000, 20, 100)  # imports make some fifty thousand objects, and all of them stay
    from archspec.cli import app
    from archspec.cli.called import called

    called(app, sys.argv[1:])(prog_name="archspec")


def _end(code: object) -> None:
    """Ends the process at once: to free every object one by one takes a tenth of the time of a small command."""
    if not isinstance(code, int | None):
        raise SystemExit(code)
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except BrokenPipeError:
        pass  # who reads has seen enough
    except OSError as error:
        code = _cannot_write(error.strerror)
    os._exit(code or 0)


def _cannot_write(reason: str | None) -> int:
    """Says why there is no output, as far as there is somewhere to say it."""
    with contextlib.suppress(OSError):
        print(f"archspec: error: cannot write to standard output: {reason}", file=sys.stderr, flush=True)
    return 2


if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # `python -m` looks for modules in the current folder first, whoever wrote what lies there
    main()
