"""Prove that the generated models of networks are the same function: what `archspec verify` does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec._plugged import plugged
from archspec.errors import UsageError
from archspec.results.cache import Cache
from archspec.results.ledger import Ledger
from archspec.results.options import Options
from archspec.results.result import Interrupted, Proof, Refused
from archspec.results.wanted import Shard, wanted

if TYPE_CHECKING:
    from archspec.executor import Remote
    from archspec.model import Model
    from archspec.proving import Prover
    from archspec.verification.failure import Failure
    from archspec.verification.report import Report

__all__ = ["Proof", "Refused", "verify"]


def verify(
    *networks: str | Path | Model,
    to: str | Sequence[str] = (),
    variant: str | None = None,
    params: Mapping[str, Any] | None = None,
    python: Mapping[str, str] | None = None,
    env: str | Sequence[str] = (),
    gradients: bool = False,
    training: bool = False,
    steps: int = 0,
    exact_statistics: bool = False,
    require: bool = False,
    allow_unproven: bool = False,
    seed: int = 0,
    timeout: float = 300,
    sizes: Mapping[str, int] | None = None,
    picture: Path | None = None,
    against: str | Sequence[str] = (),
    weights: str | Path | None = None,
    jobs: int = 1,
    shard: str = "",
    cache: bool = False,
    repro: Path | None = None,
    executor: str = "",
    watch: Callable[[str], None] | None = None,
    each: Callable[[Report | Refused], None] | None = None,
) -> Proof:
    """Generates the code of networks, runs each framework in a process of its own, and compares every step.

    A spec stands for all its variants. `to` names the backends, all by default; those that are named must be there,
    and so must all with `require`. `python` gives interpreters by backend. `env` names environments with other
    versions, `keras==3.11`, which are made and kept (`archspec.environments`): the same code runs in each, and in the
    backends that `to` names, if any. `timeout` limits the seconds of a run, and of the import of a framework. With
    `gradients`, those by inputs and weights are compared, too; with `training` also what the models compute in
    training, where normalizations use and keep the statistics of the batch, and what is random is left out. With
    `steps`, so many steps of training by the generated scripts are compared, and nothing else,
    so that the three other choices of what is compared are refused beside it.
    With `exact_statistics` the code is that whose running variances are equal in all frameworks.
    `sizes` are numbers for open dimensions, and for `batch`, which else is two (in training, four). `picture` is run
    through instead of random numbers. Outputs that are NaN, infinite, lost, or not defined are no pass, unless
    `allow_unproven` says that they are meant. `against` names people's own models, `my_model.py:build`, which are held
    against the only network, and reported beside the generated ones (`archspec.against`); with the `weights` of a file
    of its own, too, if one is named.
    So many `jobs` are done side by side, as far as there is memory.
    With `shard`, `2/5`, it is the second of five parts of all networks. With `cache`, what was found before and still
    holds is not done again, but for people's own models; such reports have their date in `cached`. Into the folder
    `repro` goes, for what differs in evaluation, the least that shows it (`archspec.reproduction`).
    `executor`, `dask://host:8786`, has the workers of a scheduler of dask.distributed do it (`archspec.executor`).
    `watch` is told what happens, now and then from another thread, and `each` is given every report when it is done, in
    the order of arrival; the proof has them in the order given.

    Raises SpecError for a spec that is not valid, or of which the reference cannot compute a step, UsageError for what
    does not exist. With `each`, it is given what cannot be verified, too, and the others are.
    """
    options = Options(
        to=_listed(to), variant=variant,
        params=params or {}, python=python or {}, env=tuple(" ".join(each.split()) for each in _listed(env)),
        gradients=gradients, training=training, steps=steps, exact_statistics=exact_statistics,
        allow_unproven=allow_unproven, seed=seed, timeout=timeout, sizes=sizes or {}, picture=picture,
        against=_listed(against), weights=None if weights is None else Path(weights),
    )  # fmt: skip
    options.check()
    if not networks:
        raise UsageError("there is nothing to verify: name at least one network")
    if (variant is not None or params) and not all(isinstance(network, (str, Path)) for network in networks):
        raise UsageError("a Model has its variant and params already: they are given to archspec.load")
    if not isinstance(jobs, int) or jobs < 1:
        raise UsageError(f"what is done side by side is a whole number from 1, not {jobs}")
    if executor:  # before environments are made
        from archspec.executor import check

        check(executor, options, repro=repro is not None)
    date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    ledger = Ledger(each)
    absent: Mapping[str, Failure] = {}
    if options.env:
        options, absent = _elsewhere(options, watch)
    lasting = cache and not options.against and repro is None and not absent and not executor
    kept = Cache(options) if lasting else None
    todo = wanted(networks, options, kept, Shard.parse(shard) if shard else Shard(), ledger)
    required = frozenset(options.names(plugged("backends")) if require or to else options.env)
    if todo:
        work: Prover | Remote
        if executor:
            from archspec.executor import Remote

            work = Remote(executor, options, ledger, watch)
        else:
            from archspec.proving import Prover

            work = Prover(options, ledger, jobs=jobs, watch=watch, cache=kept, repro=repro, absent=absent)
        with work as prover:
            try:
                prover.prove(todo, date)
            except KeyboardInterrupt:
                raise Interrupted(Proof(ledger.reports, required, ledger.refused, options, date)) from None
            finally:
                if kept is not None:
                    kept.close()
    return Proof(ledger.reports, required, ledger.refused, options, date)


def _listed(texts: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(texts) if isinstance(texts, Sequence) and not isinstance(texts, str) else (texts,)


def _elsewhere(options: Options, watch: Callable[[str], None] | None) -> tuple[Options, Mapping[str, Failure]]:
    """The options with the interpreters of the environments, which are made unless they are there; and why some are
    not. Raises UsageError for what is no environment."""
    from archspec.environments import Environment, make

    made = make([Environment.parse(text) for text in options.env], watch or (lambda stage: None))
    return replace(options, python={**options.python, **made.pythons}), made.failures
