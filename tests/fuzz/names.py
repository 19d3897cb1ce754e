"""Specs with identifiers that people choose, at every place where a name can stand.

The files of `named` are specs with names that end in `_0`, and in those that are drawn (`draw`) names have numbers:
these are replaced. The new ones are what generated code itself uses, and what comes close to it.
"""

from __future__ import annotations

import keyword
import random as stdlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from archspec import ops
from archspec.emit.names import snake_case

from .draw import document
from .verify import text as written

FOLDER: Final = Path(__file__).parent / "named"
SUPPORT: Final = Path(__file__).parents[2] / "backends"
NAMED: Final = re.compile(r"\b[A-Za-z]\w*_0\b")
DRAWN: Final = re.compile(r"\b[A-Za-z]\w*?\d+\b")
DRAWINGS: Final = 60
"""How many drawn specs there are; each gets other names again and again."""

HOT: Final = (
    "torch nn F math keras layers ops np paddle Tensor OrderedDict Sequence Callable name outputs training_outputs "
    "input_shape x y z x2 y2 x3 block index_ self_ main in_channels in_features in_height in_width in_length "
    "out_channels out_features num_features training_ shape range len int tuple super_ probe nearest args kwargs"
).split()
"""What generated code calls its own."""
WORDS: Final = (
    "self name index block outputs training training_outputs input_shape shape forward call build "
    "numpy functional annotations Sequential Module ModuleList LayerList Identity Model Input Linear Conv2d Dense "
    "cls in_depth in_size1 in_time channels features height width depth time length batch kernel_size stride padding "
    "groups bias weight weights dtype key value mask query axis size rate p source summary params inputs layer model "
    "net network stage stage_0 stage_1 layers_0 x_channels x_features image image_shape tokens_shape left_channels "
    "conv conv1 bn relu_1 add_1 stem head fc pool dropout embedding default type item result state h c output "
    "input left right data target init name_ x_ has_conv has_step layers_ "
    "children parameters modules register_buffer state_dict train eval half double float16 to to_ T_destination"
).split()
PLAIN: Final = (
    "range len int tuple list float bool str max min sum abs super print type zip map dict set isinstance enumerate"
).split()
STRANGE: Final = "_ __ _x __init__ __name__ __class__ __dict__ __file__ Ünet größe A a1 x1 N None_ True_".split()
"""Mostly refused."""


@cache
def everything() -> list[str]:
    """All names that code may use."""
    definition = re.compile(r"^(?:def|class) (\w+)", re.MULTILINE)
    files = sorted(SUPPORT.glob("*/support/*.py"))
    support = [name for file in files for name in definition.findall(file.read_text(encoding="utf-8"))]
    words = [*keyword.kwlist[:8], *keyword.softkwlist]
    return list(dict.fromkeys([*HOT, *WORDS, *STRANGE, *PLAIN, *support, *ops.names(), *words]))


@dataclass(frozen=True)
class Template:
    """A spec whose names are replaced."""

    text: str
    names: tuple[str, ...]

    def filled(self, chosen: dict[str, str]) -> str:
        """The spec with these names in place of its own."""
        plain = {name: name.removesuffix("_0") for name in self.names} | chosen
        return re.sub(r"[A-Za-z]\w*", lambda match: plain.get(match[0], match[0]), self.text)


@cache
def named() -> dict[str, Template]:
    """The specs that are made for this."""
    texts = {file.stem: file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.yaml"))}
    return {stem: Template(text, tuple(sorted(set(NAMED.findall(text))))) for stem, text in texts.items()}


@cache
def drawn(seed: int) -> Template:
    """A random spec, as one whose names are replaced."""
    text = written(document(seed))
    return Template(text, tuple(sorted(set(DRAWN.findall(text)) - set(ops.names()) - {"int64"})))


def spec(seed: int) -> tuple[Template, dict[str, str]]:
    """A spec, and the names that it gets."""
    random = stdlib.Random(f"names {seed}")
    whole = random.random() < 0.6
    template = random.choice(list(named().values())) if whole else drawn(random.randrange(DRAWINGS))
    share = random.choice([0.1, 0.3, 0.6, 1.0] if whole else [0.05, 0.2, 0.5])
    chosen: dict[str, str] = {}
    for name in template.names:
        if random.random() < share:
            groups = [HOT, WORDS, everything(), PLAIN, _near(template.names), STRANGE]
            chosen[name] = random.choice(random.choices(groups, [8, 4, 4, 1, 3, 0.02])[0])
    return template, chosen


def _near(names: tuple[str, ...]) -> list[str]:
    """What the spec's own names become in generated code."""
    found: list[str] = []
    for name in (name.removesuffix("_0") for name in names):
        found += [name, name.lower(), name.capitalize(), snake_case(name), f"in_{name}", f"has_{name}"]
        found += [f"{name}{end}" for end in "_ 2 _1 _channels _features _shape _layer _pad _block".split()]
    return found


def needed(template: Template, chosen: dict[str, str], fails: Callable[[str], bool]) -> dict[str, str]:
    """The names without which the spec does not fail."""
    for name in list(chosen):
        fewer = {key: value for key, value in chosen.items() if key != name}
        if fails(template.filled(fewer)):
            chosen = fewer
    return chosen
