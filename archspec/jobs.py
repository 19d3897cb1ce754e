"""From what was asked for to the networks that are verified, each read, made and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from archspec.loading import open_spec, variants
from archspec.model import Model
from archspec.results.cache import Cache
from archspec.results.ledger import Ledger, Place
from archspec.results.options import Options
from archspec.results.wanted import Wanted
from archspec.verification.report import Report


@dataclass(slots=True)
class Job:
    """A network to verify."""

    place: Place
    model: Model
    keep: Callable[[Sequence[Report]], None] = lambda found: None
    """Is given all reports about it."""
    title: str = ""


def jobs_of(
    networks: Mapping[int, Wanted], options: Options, ledger: Ledger, cache: Cache | None, date: str
) -> Iterator[Job]:
    """The networks that stand at these places, of which the cache keeps what is found on this date. One that is not
    valid takes no other down, if the ledger is followed. Raises SpecError, UsageError."""
    for place, wanted in networks.items():
        name = wanted.network.name if isinstance(wanted.network, Model) else str(wanted.network)
        with ledger.guarded((place,), name):
            yield from _jobs(place, wanted, options, cache, date)


def _jobs(place: int, wanted: Wanted, options: Options, cache: Cache | None, date: str) -> list[Job]:
    network = wanted.network
    if isinstance(network, Model):
        network.check()
        return [Job((place, 0), network)]
    text = cache.text(network) if cache is not None else None
    made = networks_of(network, options, wanted.variants)
    for model in made.values():
        model.check()
    if cache is None or text is None:
        return [Job((place, number), model) for number, model in made.items()]
    if wanted.variants is None:
        cache.keep_variants(network, [model.variant for model in made.values()], text)
    return [
        Job((place, number), model, partial(cache.keep, network, model.variant, text, date))
        for number, model in made.items()
    ]


def networks_of(
    network: str | Path, options: Options, wanted: Mapping[int, str | None] | None = None
) -> dict[int, Model]:
    """The networks of a spec that are asked for, or those of them that are wanted, by their places among them. Raises
    SpecError unless all of them can be made, UsageError if there is none."""
    spec, named = open_spec(network)
    if wanted is None:
        wanted = dict(enumerate(variants(spec, named if options.variant is None else options.variant, options.params)))
    return {number: spec.network(each, options.params) for number, each in wanted.items()}
