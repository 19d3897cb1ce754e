"""What rows are made of: orders of axes, layers on images, functions of the support code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archspec.emit.aligned import Wire
from archspec.emit.code import Call, Code, call
from archspec.emit.context import Lowered, Lowering, Site
from archspec.emit.layouts import Layout, arranged, canonical, channels_last, common, held
from archspec.emit.signature import bindings, spell
from archspec.errors import BackendError
from archspec.ops.base import resolve_axis

Apply = Any


# Layouts ------------------------------------------------------------------------------------------------------------


def transposed(code: Code, have: Layout, wanted: Layout) -> Code:
    """A value in another order of axes."""
    return arranged(code, have, wanted, "ops.transpose")


def moved(code: Code, wire: Wire, wanted: Layout) -> Code:
    """An input in the order of axes that a step needs."""
    return transposed(code, held(wire), wanted)


def imaged(site: Site, codes: Sequence[Code]) -> list[Code]:
    """The inputs with channels last."""
    return [moved(code, wire, channels_last(wire.rank)) for code, wire in zip(codes, site.inputs, strict=True)]


def plain(site: Site, codes: Sequence[Code]) -> list[Code]:
    """The inputs in the order of the spec."""
    return [moved(code, wire, canonical(wire.rank)) for code, wire in zip(codes, site.inputs, strict=True)]


def together(site: Site) -> Layout:
    """The order of axes in which a step's inputs meet."""
    return common([held(wire) for wire in site.inputs])


def alike(site: Site, codes: Sequence[Code]) -> list[Code]:
    """The inputs in one order."""
    layout = together(site)
    return [moved(code, wire, layout) for code, wire in zip(codes, site.inputs, strict=True)]


def signed(site: Site, layout: Layout) -> Layout:
    """A layout, with what is known of the signs of the step's output."""
    inputs = [held(wire).nonnegative for wire in site.inputs]
    known: bool = site.every(lambda step: step.op.nonnegative(*inputs))
    return Layout(layout.axes, layout.flattened, known)


def image_layouts(site: Site) -> tuple[Layout, ...]:
    return tuple(signed(site, channels_last(wire.rank)) for wire in site.outputs)


def axis_of(site: Site, number: int, wire: Wire | None = None) -> int:
    """Where the framework has an axis; the last one is -1."""
    wire = site.inputs[0] if wire is None else wire
    position = held(wire).position(number)
    return -1 if position == wire.rank - 1 else position


def axis(name: str = "axis") -> Any:
    """An attribute that names an axis, as the framework counts axes."""

    def place(site: Site) -> Code:
        rank = site.inputs[0].rank
        return site.value(lambda step: axis_of(site, resolve_axis(getattr(step.op, name), rank)), name)

    return place


# Rows ---------------------------------------------------------------------------------------------------------------


def image_layer(
    site: Site, made: Call, weights: Mapping[str, Any] | None = None, before: Apply = None, after: Apply = None,
    sized: bool = False,
) -> Lowered:  # fmt: skip
    """A layer on images, with what comes before and after it."""

    def apply(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        codes = imaged(site, inputs) if before is None else inputs
        value: Code = Call(own[""], tuple(codes))
        return value if after is None else after(value)

    def first(own: Mapping[str, Code], inputs: Sequence[Code]) -> Code:
        return before(own.get("pad"), imaged(site, inputs)[0])  # type: ignore[no-any-return]

    layers: dict[str, Code] = {"": made}
    if isinstance(before, Border):
        layers["pad"] = before.layer
    return Lowered(apply, layers, weights=bindings(site, weights or {}), layouts=image_layouts(site),
                   first=() if before is None else (first,), sized=sized,
                   condition=before.condition if isinstance(before, Border) else None)  # fmt: skip


@dataclass(frozen=True)
class Border:
    """A layer that pads the input of a step."""

    layer: Call
    condition: Code | None = None

    def __call__(self, own: Code, code: Code) -> Code:
        return Call(own, (code,))


def anywhere(text: str, inexact: float = 0.0, **sources: Any) -> Lowering:
    """A layer to which no axis matters."""

    def lower(site: Site) -> Lowered:
        made = spell(text, site, **sources)
        return Lowered(lambda own, inputs: Call(own[""], tuple(inputs)), {"": made},
                       layouts=(signed(site, held(site.inputs[0])),), inexact=inexact)  # fmt: skip

    return lower


def applied(text: str, **sources: Any) -> Lowering:
    """A function of the framework, or of the file, to which the order of axes does not matter."""

    def lower(site: Site) -> Lowered:
        return Lowered(lambda own, inputs: spell(text, site, inputs, **sources),
                       layouts=(signed(site, held(site.inputs[0])),))  # fmt: skip

    return lower


def float_of(value: Code) -> Code:
    """A value that Keras takes for a float32 number where it builds a model, whatever it is."""
    return call("ops.cast", value, call("keras.config.floatx"))


def check_sizes(site: Site) -> None:
    """Raises BackendError where code computes with the sizes of an image, and one is open: None, as layers are made."""
    if site.open:
        raise BackendError("it computes with the sizes of its input, and one of them is open")


def closed(row: Lowering) -> Lowering:
    """A row whose code computes with the sizes of an image."""

    def lower(site: Site) -> Lowered:
        check_sizes(site)
        return row(site)

    return lower


def supported(name: str, *attributes: str, named: tuple[str, ...] = (), image: bool = True) -> Lowering:
    """A function that stands at the top of the file."""

    def lower(site: Site) -> Lowered:
        arguments = tuple(site.attr(attribute) for attribute in attributes)
        options = {attribute: site.attr(attribute) for attribute in named}
        arrange = imaged if image else plain
        layouts = image_layouts(site) if image else tuple(canonical(wire.rank) for wire in site.outputs)
        return Lowered(lambda own, inputs: call(name, *arrange(site, inputs), *arguments, **options),
                       layouts=layouts)  # fmt: skip

    return lower
