"""Parts of all networks, for as many machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspec.errors import UsageError
from archspec.model import Model
from archspec.results.cache import Cache
from archspec.results.ledger import Ledger
from archspec.results.options import Options
from archspec.results.wanted import Shard, wanted

from .results import report

SPEC = "archspec: 1\nname: Net\nparams: {n: 3}\nvariants: {a: {n: 1}, b: {n: 2}}\ninputs: {x: [n]}\nlayers: [relu]\n"


@pytest.fixture
def names(tmp_path: Path) -> list[str]:
    """Four specs, of three networks, none (it is not valid), three, and none (it is not there)."""
    (tmp_path / "one.yaml").write_text(SPEC)
    (tmp_path / "bad.yaml").write_text("archspec: 1\n")
    (tmp_path / "two.yaml").write_text(SPEC)
    return [str(tmp_path / f"{name}.yaml") for name in ("one", "bad", "two", "none")]


def _part(names: list[str], number: int, of: int, cache: Cache | None = None) -> list[tuple[str, str | None]]:
    ledger = Ledger(None)
    found = wanted(names, Options(), cache, Shard(number, of), ledger)
    made: list[tuple[str, str | None]] = []
    for part in found.values():
        assert not isinstance(part.network, Model)
        stem = Path(part.network).stem
        made += [(stem, variant) for variant in (part.variants or {0: "?"}).values()]
    return made + [("known", each.model) for each in ledger.reports]


@pytest.mark.parametrize("of", [1, 2, 3, 5, 8, 9])
def test_parts_make_the_whole_and_are_equal(names: list[str], of: int) -> None:
    parts = [_part(names, number, of) for number in range(1, of + 1)]
    if of == 1:
        assert parts == [[("one", "?"), ("bad", "?"), ("two", "?"), ("none", "?")]]
        return
    every = sorted((entry for part in parts for entry in part), key=str)
    whole = [(spec, variant) for spec in ("one", "two") for variant in ("a", "b", None)] + [("bad", "?"), ("none", "?")]
    assert every == sorted(whole, key=str)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert parts == [_part(names, number, of) for number in range(1, of + 1)]


def test_parts_are_the_same_whatever_is_known(names: list[str], tmp_path: Path) -> None:
    cache = Cache(Options(), tmp_path / "cache")
    text = cache.text(names[0])
    assert text is not None
    cache.keep_variants(names[0], ["a", "b", None], text)
    cache.keep(names[0], "b", text, "2026-11-30T00:00:00Z", [report("b", keras="passed")])
    before = [set(_part(names, number, 3)) for number in (1, 2, 3)]
    after = [set(_part(names, number, 3, cache)) for number in (1, 2, 3)]
    assert after == [part - {("one", "b")} | ({("known", "b")} if ("one", "b") in part else set()) for part in before]


@pytest.mark.parametrize("text", ["", "2", "0/3", "4/3", "a/b", "1/0", "1/3/5", "-1/3", "1.0/2"])
def test_what_is_no_part(text: str) -> None:
    with pytest.raises(UsageError, match="--shard 2/5"):
        Shard.parse(text)


def test_parts_are_counted_from_one() -> None:
    assert Shard.parse("2/5") == Shard(2, 5)
