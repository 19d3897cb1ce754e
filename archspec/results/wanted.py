"""Which networks are verified: those of the specs that were named, without what is known, or done elsewhere."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archspec.errors import ArchspecError, UsageError
from archspec.results.cache import Cache
from archspec.results.ledger import Ledger
from archspec.results.options import Options

if TYPE_CHECKING:
    from archspec.model import Model


@dataclass(frozen=True, slots=True)
class Wanted:
    """Networks of one spec."""

    network: str | Path | Model
    variants: Mapping[int, str | None] | None = None
    """By their places among all networks of the spec that are asked for; None for all of these."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Every so many-eth network, from one on: neighbours cost about the same, so that all shards do."""

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The meaning of `2/5`. Raises UsageError."""
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise UsageError(f"--shard {text}: give the number of a part and how many there are, as in --shard 2/5")
        return cls(int(match[1]), int(match[2]))


def wanted(
    networks: Sequence[str | Path | Model], options: Options, cache: Cache | None, shard: Shard, ledger: Ledger
) -> dict[int, Wanted]:
    """What is left to do, by the places of the networks; what is known is given to the ledger."""
    todo: dict[int, Wanted] = {}
    count = 0
    for place, network in enumerate(networks):
        named = network if isinstance(network, (str, Path)) else None
        known = None
        if cache is not None and named is not None:
            with contextlib.suppress(UsageError):
                known = cache.recall(named)
        variants = known.variants if known is not None else _listed(named, options) if shard.of > 1 and named else None
        if variants is None:
            if count % shard.of == shard.number - 1:
                todo[place] = Wanted(network)
            count += 1
            continue
        mine = {n: variant for n, variant in enumerate(variants) if (count + n) % shard.of == shard.number - 1}
        count += len(variants)
        reports = known.reports if known is not None else {}
        for number, variant in mine.items():
            for more, report in enumerate(reports.get(variant, ())):
                ledger.add((place, number, more), report)
        left = {number: variant for number, variant in mine.items() if variant not in reports}
        if left:
            todo[place] = Wanted(network, left)
    return todo


def _listed(network: str | Path, options: Options) -> tuple[str | None, ...] | None:
    """The networks of a spec; None if it is not valid, which is told by who works on it."""
    from archspec.loading import open_spec, variants

    with contextlib.suppress(ArchspecError):
        spec, named = open_spec(network)
        return tuple(variants(spec, named if options.variant is None else options.variant, options.params))
    return None
