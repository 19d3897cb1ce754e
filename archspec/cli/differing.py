"""The two sides of `archspec diff`: files, specs and variants that come along, and what git has of a file."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archspec._columns import UNBOUNDED
from archspec.differences import Difference, difference
from archspec.errors import UsageError, printable
from archspec.loading import open_spec, variants
from archspec.model import Spec
from archspec.spec.source import MAX_BYTES


@dataclass(frozen=True, slots=True)
class Differences:
    """The networks of two specs, side by side."""

    networks: list[Difference]
    only_first: list[str]
    """Variants that the second spec has not."""
    only_second: list[str]

    @property
    def same(self) -> bool:
        return all(each.same for each in self.networks) and not self.only_first and not self.only_second

    def to_json(self) -> dict[str, Any]:
        return {
            "same": self.same,
            "networks": [each.to_json() for each in self.networks],
            "only_first": self.only_first,
            "only_second": self.only_second,
        }

    def text(self, width: int = UNBOUNDED) -> str:
        alone = [f"only the first has {name}" for name in self.only_first]
        alone += [f"only the second has {name}" for name in self.only_second]
        return "\n\n".join([*(each.text(width) for each in self.networks), *["\n".join(alone)] * bool(alone)])


def differences(first: str, second: str, variant: str | None, params: Mapping[str, Any]) -> Differences:
    """What is different between two specs: between the variants that are named, or else all that both have.

    Raises SpecError, UsageError.
    """
    (one, mine), (other, its) = opened(first), opened(second)
    mine, its = variant or mine, variant or its
    if mine or its:
        return Differences([difference(one.network(mine, params), other.network(its, params))], [], [])
    old, new = variants(one, None, params), variants(other, None, params)
    both = [name for name in old if name in new]
    if not both:
        raise UsageError(
            f"{first} and {second} have no network of one name; name a variant of each, as in SPEC:VARIANT"
        )
    return Differences(
        [difference(one.network(name, params), other.network(name, params)) for name in both],
        [name or "the defaults" for name in old if name not in new],
        [name or "the defaults" for name in new if name not in old],
    )


def opened(text: str) -> tuple[Spec, str | None]:
    """A spec, and a variant if one is named: `net.yaml`, `resnet50`, `net.yaml:small`, `HEAD~1:specs/net.yaml:small`.

    Raises SpecError, UsageError.
    """
    spec, colon, variant = text.rpartition(":")
    if not colon or Path(text).exists():
        return open_spec(text)
    revision, _, path = text.partition(":")
    try:
        document, chosen = open_spec(spec)
    except UsageError as error:
        if (found := _committed(revision, path)) is not None:
            return Spec.parse(found, printable(text)), None
        if path != variant and (found := _committed(revision, path.rpartition(":")[0])) is not None:
            return Spec.parse(found, printable(spec)), variant
        raise UsageError(f"{text} is no SPEC:VARIANT, since {error}; nor does git have such a file") from None
    if chosen:
        raise UsageError(f"{text}: {spec} names a variant already")
    return document, variant


def _committed(revision: str, path: str) -> str | None:
    """The text that a file had at a revision, if there is git and it knows both. Raises SpecError, UsageError."""
    if revision.startswith("-") or not path:
        return None
    command = ["git", "cat-file", "blob", f"{revision}:{path}"]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as git:
            assert git.stdout is not None
            raw = git.stdout.read(MAX_BYTES + 1)
    except (OSError, ValueError):
        return None
    if git.returncode and not raw:
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{revision}:{path}: the file is not UTF-8") from None
