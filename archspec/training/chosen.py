"""How code sorts the weights of a model into the groups of a plan: by the names that they have there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from archspec.emit.code import Code, Infix, Items, Raw, literal, method
from archspec.emit.printing import Style, broken
from archspec.training.groups import Share


@dataclass(frozen=True, slots=True)
class Chosen:
    """A group of weights in a generated model."""

    rate: float
    """What the learning rate is multiplied by."""
    share: float
    """What the weight decay is multiplied by."""
    decay: float
    """The weight decay, so multiplied."""
    frozen: bool
    momentum: float | None
    """Their own, if they have one."""
    condition: Code | None
    """What is true for their `name`; None for those that are left."""

    def branch(self, first: bool) -> list[str]:
        """The head of a branch for them, inside of a loop over names in a function."""
        if self.condition is None:
            return ["    else:"]
        lead = "if " if first else "elif "
        first_line, *rest = broken(self.condition, Style(), 8, len(lead), 1).splitlines()
        lines = [f"    {lead}{first_line}", *(line[4:] for line in rest)]
        return [*lines[:-1], f"{lines[-1]}:"]


def chosen(shares: Mapping[str, Share], weight_decay: float, separator: str) -> list[Chosen]:
    """The groups of variables that are trained so, whose names have this separator, that of all others last; none if
    all are trained alike, without factors."""
    usual = Share(decay=1.0)
    kinds = sorted(dict.fromkeys(shares.values()), key=lambda share: share == usual)
    if kinds == [usual]:
        return []
    found = []
    for number, share in enumerate(kinds):
        mine = [name for name, each in shares.items() if each == share]
        others = [name for name, each in shares.items() if each in kinds[number + 1 :]]
        condition = _condition(mine, others, separator) if share is not kinds[-1] else None
        factor = share.decay or 0.0
        found.append(Chosen(share.rate, factor, factor * weight_decay, share.frozen, share.momentum, condition))
    return found


def listed(found: Sequence[Chosen], rate: str, decay: str, freeze: str) -> list[str]:
    """Statements that make lists of weights, with what their groups call a factor of the rate and a weight decay;
    those of a frozen group are in none."""
    kept = [each for each in found if not each.frozen]
    factors = any(each.rate != 1 for each in kept)
    rows, branches = [], list[str]()
    for each in kept:
        row = ['"params": []', *([f'"{rate}": {each.rate!r}'] if factors else [])]
        if each.share != 1:
            row.append(f'"{decay}": {each.decay!r}')
        if each.momentum is not None:
            row.append(f'"momentum": {each.momentum!r}')
        rows.append(f"    {{{', '.join(row)}}},")
    for number, each in enumerate(found):
        do = freeze if each.frozen else f'weights[{kept.index(each)}]["params"].append(weight)'
        branches += [*each.branch(not number), f"        {do}"]
    if len(found) == 1:
        branches = [f"    {branches[-1].strip()}"]
    return ["weights = [", *rows, "]", "for name, weight in model.named_parameters():", *branches]


def _condition(mine: Collection[str], others: Collection[str], separator: str) -> Code:
    means, texts = told_apart(mine, others, separator)
    if means == "__eq__":
        return Infix("in", (Raw("name"), Items(tuple(map(literal, texts)))))
    told = literal(texts[0]) if len(texts) == 1 else Items(tuple(map(literal, texts)))
    return method(Raw("name"), means, told)


def told_apart(chosen: Collection[str], others: Collection[str], separator: str) -> tuple[str, list[str]]:
    """The method of a name, `endswith` or `startswith`, and the fewest texts for which it is true of the `chosen`
    names and of none of the others; `__eq__` if only whole names tell them apart."""
    tails = _told(
        [part[::-1] for part in _split(chosen, separator)], [part[::-1] for part in _split(others, separator)]
    )
    joined = (separator.join(part[::-1]) for part in tails)
    ends = sorted(separator + end if any(each.endswith(end) for each in others) else end for end in joined)
    heads = _told(_split(chosen, separator), _split(others, separator))
    whole = set(chosen)
    begins = sorted(head if (head := separator.join(part)) in whole else head + separator for part in heads)
    for means, texts in sorted((("endswith", ends), ("startswith", begins)), key=lambda pair: len(pair[1])):
        told = tuple(texts)
        right = all(getattr(each, means)(told) for each in chosen)
        if right and not any(getattr(each, means)(told) for each in others):
            return means, texts
    return "__eq__", sorted(chosen)


def _split(names: Collection[str], separator: str) -> list[list[str]]:
    return [each.split(separator) for each in names]


def _told(chosen: Sequence[Sequence[str]], others: Sequence[Sequence[str]]) -> set[tuple[str, ...]]:
    """The shortest beginnings of each of the chosen that none of the others has."""
    taken = {tuple(part[:end]) for part in others for end in range(1, len(part) + 1)}
    found = set()
    for part in chosen:
        ends = (tuple(part[:end]) for end in range(1, len(part) + 1))
        found.add(next((head for head in ends if head not in taken), tuple(part)))
    return found
