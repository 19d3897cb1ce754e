"""Networks verified on other machines, by workers of dask.distributed: `--executor dask://host:port`.

Each network is a job of its own. A spec is sent as its text, and a job gives its reports back as JSON, with every
number as it is, so that a result is the same whoever computed it. Workers have archspec and the frameworks installed;
each does one job at a time, and keeps its frameworks warm. If one is lost, dask gives its jobs to others.

Whoever may talk to a scheduler may run code on its workers: that is how dask works, and it is theirs to protect.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from archspec.errors import ArchspecError, Diagnostic, SpecError, UsageError, understood
from archspec.jobs import Job, jobs_of
from archspec.model import Model, Spec
from archspec.results.environment import sources
from archspec.results.ledger import Ledger
from archspec.results.options import Options
from archspec.results.reading import read, written
from archspec.results.wanted import Wanted

if TYPE_CHECKING:
    from archspec.proving import Prover

SCHEME: Final = "dask://"
_PATIENCE: Final = 15
"""The seconds within which a scheduler answers."""
_SENT: Final = (
    "to",
    "gradients",
    "training",
    "steps",
    "exact_statistics",
    "allow_unproven",
    "seed",
    "timeout",
    "sizes",
)
"""What a job is told; all else is settled, or of this machine."""


def check(address: str, options: Options, *, repro: bool) -> None:
    """Raises UsageError for what is no executor, or cannot be asked of one."""
    host, _, port = address.removeprefix(SCHEME).rpartition(":")
    if not address.startswith(SCHEME) or not host or not port.isdecimal():
        raise UsageError(f"--executor {address}: give a scheduler of dask.distributed, as in {SCHEME}host:8786")
    here = {"--python": options.python, "--env": options.env, "--against": options.against, "--input": options.picture}
    for option, given in (here | {"--repro": repro}).items():
        if given:
            raise UsageError(f"{option} is about this machine, and --executor has others do the work")


class Remote:
    """A scheduler and its workers, for use in a `with` statement, with what a `Prover` has."""

    def __init__(
        self, address: str, options: Options, ledger: Ledger, watch: Callable[[str], None] | None = None
    ) -> None:
        """Raises UsageError if dask.distributed is not installed, or the scheduler cannot be reached."""
        self._address, self._options, self._ledger = address, options, ledger
        self._watch = watch or (lambda stage: None)
        self._client = _client(address)

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):  # whoever is not there any more need not be left
            self._client.close(timeout=_PATIENCE)

    def prove(self, networks: Mapping[int, Wanted], date: str = "") -> None:
        """Reports on networks, which stand at these places. Raises as `archspec.verify`."""
        if any(isinstance(each.network, Model) for each in networks.values()):
            raise UsageError("an executor is sent specs, by their names")
        jobs = list(jobs_of(networks, self._options, self._ledger, None, date))
        waiting = {
            self._client.submit(work, _asked(job, self._options), key=f"archspec-{number}-{id(self)}", retries=0): job
            for number, job in enumerate(jobs)
        }
        self._watch(f"{len(jobs)} networks at {self._address}")
        for number, (job, answer) in enumerate(_answers(waiting, self._client.loop, self._address), 1):
            with self._ledger.guarded(job.place, job.model.name):
                if isinstance(answer, Exception):
                    raise answer
                for more, report in enumerate(_reports(json.loads(answer))):
                    self._ledger.add((*job.place, more), report)
            self._watch(f"{number} of {len(jobs)} networks done at {self._address}")


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("--executor needs dask.distributed: pip install 'archspec-nn[dask]'") from None
    try:
        return Client(f"tcp://{address.removeprefix(SCHEME)}", timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise UsageError(f"the executor {address} cannot be reached: {said[0]}") from None


def _answers(waiting: Mapping[Any, Job], loop: Any, address: str) -> Iterator[tuple[Job, str | Exception]]:
    """What each job gives, as it comes; for one that gives nothing, why."""
    from distributed import as_completed

    for future in as_completed(waiting, loop=loop):
        if future.status == "finished":
            yield waiting[future], future.result()
        elif future.status == "cancelled":
            yield waiting[future], UsageError(f"the executor {address} was lost")
        else:
            error = future.exception()
            said = (str(error).strip() or type(error).__name__).splitlines()[0]
            yield waiting[future], ArchspecError(f"{address}: {said}")


def _asked(job: Job, options: Options) -> str:
    model, chosen = job.model, asdict(options)
    return json.dumps({
        "text": "\n".join(model.spec.source.lines), "file": model.spec.source.file, "used": dict(model.spec.used),
        "variant": model.variant,
        "params": model.overrides, "options": {name: chosen[name] for name in _SENT}, "sources": sources(),
    })  # fmt: skip


def _reports(answer: Mapping[str, Any]) -> list[Any]:
    """The reports of an answer. Raises what was raised there."""
    match answer:
        case {"reports": reports}:
            return [read(report) for report in reports]
        case {"findings": [_, *_] as findings}:
            raise SpecError([Diagnostic(**finding) for finding in findings])
        case {"usage": True, "message": str(message)}:
            raise UsageError(message)
    raise ArchspecError(str(answer.get("message")))


# On a worker ----------------------------------------------------------------------------------------------------------

_ALONE = threading.Lock()
_WARM: dict[str, Prover] = {}
"""The frameworks of the last options."""


def work(asked: str) -> str:
    """Verifies a network on a worker; what is asked for, and what is found, are JSON."""
    given = json.loads(asked)
    if given["sources"] != sources():
        return json.dumps({"usage": True, "message": "the workers of the executor have another archspec than this one"})
    with _ALONE:
        try:
            model = Spec.parse(given["text"], given["file"], given["used"]).network(given["variant"], given["params"])
            found = _warm(given["options"]).reports(model)
            return json.dumps({"reports": [written(report) for report in found]})
        except Exception as error:
            failed = understood(error)
            findings = [asdict(each) for each in failed.diagnostics]
            return json.dumps({"findings": findings, "usage": isinstance(failed, UsageError), "message": str(failed)})


def _warm(options: Mapping[str, Any]) -> Prover:
    from archspec.proving import Prover

    key = json.dumps(options, sort_keys=True)
    if key not in _WARM:
        for other in _WARM.values():
            other.__exit__()
        _WARM.clear()
        chosen = Options(**{**options, "to": tuple(options["to"])})
        _WARM[key] = Prover(chosen, Ledger(None)).__enter__()
    return _WARM[key]
