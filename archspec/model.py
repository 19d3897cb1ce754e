"""A network: a spec with values for its params. What the public API and the commands work with."""

from __future__ import annotations

import contextlib
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.errors import Diagnostic, SpecError, UsageError
from archspec.expectations import unmet
from archspec.graph.along import goes_along
from archspec.graph.elaborate import OTHER_SIZES, Elaborator
from archspec.graph.free import free_params
from archspec.graph.graph import Graph, flatten, same_weights
from archspec.graph.mode import Mode
from archspec.graph.resizing import larger_sizes, other_shapes
from archspec.graph.tree import Module
from archspec.ops.base import describe
from archspec.spec.document import Document
from archspec.spec.hints import one_of
from archspec.spec.initial import Rules as InitialRules
from archspec.spec.lint import Lint
from archspec.spec.params import decided, merged
from archspec.spec.reading import read
from archspec.spec.source import Source
from archspec.spec.using import Files

if TYPE_CHECKING:
    from types import ModuleType

    from archspec.backend import Backend, Program
    from archspec.ops.base import Array
    from archspec.summary import Summary
    from archspec.training.plan import Plan
    from archspec.training.script import Script
    from archspec.weights.names import Rules


@dataclass(frozen=True, repr=False)
class Spec:
    """A spec that has the right form: the source of one network per variant."""

    document: Document
    source: Source
    used: Mapping[str, str] = field(default_factory=dict)
    """The texts of the files that it uses, but of those that come along, by their names as seen from its folder."""

    @classmethod
    def read(cls, path: str | Path, shown: str | None = None) -> Spec:
        """The spec in a file. Raises SpecError with everything that is wrong with its form."""
        if not isinstance(path, (str, Path)):
            raise UsageError(f"a file is named by a text or a path, not by {describe(path)}")
        return cls.of(Source.read(Path(path), shown), Files(Path(path).parent))

    @classmethod
    def parse(cls, text: str, file: str = "<spec>", used: Mapping[str, str] | None = None) -> Spec:
        """The spec in a text; `used` has the texts of other files that it uses, by name. Raises SpecError with
        everything that is wrong with its form."""
        if not isinstance(text, str):
            raise UsageError(f"the text of a spec is a text, not {describe(text)}")
        return cls.of(Source(text, file), Files(texts=used))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], file: str = "<dict>") -> Spec:
        """The spec in plain data, as JSON or YAML is read. Findings point into it as indented JSON.

        Raises SpecError with everything that is wrong with its form, UsageError for what is no plain data.
        """
        from archspec.spec.plain import as_json

        return cls.of(Source(as_json(data), file))

    @classmethod
    def of(cls, source: Source, files: Files | None = None) -> Spec:
        """The spec in a parsed file, which may use `files`. Raises SpecError with everything that is wrong with its
        form."""
        document, found = read(source)
        files = files or Files()
        missing = files.join(document, source) if document is not None and document.use else []
        found += missing
        if document is not None and not found:
            return cls(document, source, files.texts)
        places = {(d.file, d.line, d.column) for d in found}
        more = cls(document, source)._errors() if document is not None and not missing else []
        found += [d for d in more if (d.file, d.line, d.column) not in places]
        raise SpecError(sorted(found, key=lambda d: (d.file != source.file, d.file, d.line, d.column, d.message)))

    def _errors(self) -> list[Diagnostic]:
        """The mistakes of meaning."""
        found = [*self.findings]
        try:
            needed = any(param.required for param in self.document.params.values())
            self.network(next(iter(self.document.variants), None) if needed else None).check()
        except SpecError as error:
            found += error.diagnostics
        return list(dict.fromkeys(d for d in found if d.severity == "error"))

    @cached_property
    def findings(self) -> list[Diagnostic]:
        """What can be said without values for params: errors and warnings."""
        return Lint(self.document, self.source).run()

    def __repr__(self) -> str:
        count = len(self.document.variants)
        variants = f", {count} variants" if count else ""
        return f"<Spec {self.document.name} of {self.source.file}{variants}>"

    def network(
        self, variant: str | None = None, params: Mapping[str, Any] | None = None, **more: Any
    ) -> Model:  # fmt: skip
        """The network of a variant, with params replaced: `network("resnet50", num_classes=10)`. `params` takes those,
        too, that are called `variant` or `params`.

        Raises SpecError if the spec is not valid, UsageError for a variant or param that it does not have.
        """
        given = merged(params, more)
        values, problems = decided(self.document, self.source, variant, given)
        if problems:
            raise SpecError(sorted({*self.findings, *problems}, key=lambda d: (d.line, d.column, d.message)))
        return Model(self, variant, values, given)


class Model:
    """A network with every param decided."""

    def __init__(self, spec: Spec, variant: str | None, params: Mapping[str, Any],
                 overrides: Mapping[str, Any]) -> None:  # fmt: skip
        self.spec = spec
        self.variant = variant
        self.params = dict(params)
        self.overrides = dict(overrides)
        """Params that differ from the variant's, so that its expectations do not apply."""
        self.shapes: dict[str, tuple[int, ...]] = {}
        """Inputs that have another shape than the spec says."""
        self.sizes: dict[str, int] = {}
        """Numbers in place of open dimensions, where others than usual stand for them."""
        self._larger: dict[str, int] = {}
        """The same, where the network does not take the usual ones."""
        self._roots: dict[frozenset[str], dict[str, Module]] = {}
        self._others: dict[frozenset[str], Module | None] = {}
        self._modules: dict[Any, tuple[Module, int, InitialRules]] = {}

    def __repr__(self) -> str:
        changed = "".join(f", {name}={value!r}" for name, value in self.overrides.items())
        try:
            about = self.summary()
        except SpecError as error:
            return f"<Model {self.name}{changed}: {len(error.diagnostics)} errors>"
        maps = (", ".join(f"{name} {shape}" for name, shape in each.items()) for each in (about.inputs, about.outputs))
        return f"<Model {self.name}{changed}: {' -> '.join(maps)}, {about.parameters:,} parameters>"

    def _repr_html_(self) -> str:
        """As a notebook shows it: the drawing, and below it the table of steps."""
        try:
            table = self.summary()._repr_html_()
            drawn = b64encode(self._repr_svg_().encode()).decode()
        except SpecError as error:
            return f"<pre>{escape(str(error))}</pre>"
        picture = f'<img alt="{escape(self.name)}" src="data:image/svg+xml;base64,{drawn}">'
        return f"{picture}\n<details><summary>Steps</summary>{table}</details>"

    def _repr_svg_(self) -> str:
        from archspec.drawing import svg

        return svg(self, theme="light")  # a notebook's theme is not that of the system

    @property
    def name(self) -> str:
        """The variant's name, else the file's, else (of a text, or a file that is called `my net`) the document's."""
        stem = Path(self.spec.source.file).stem
        return self.variant or (stem if stem.isidentifier() else self.spec.document.name.lower())

    def resized(self, shapes: Mapping[str, tuple[int, ...]]) -> Model:
        """The same network with inputs of other shapes (without the batch axis)."""
        other = Model(self.spec, self.variant, self.params, self.overrides)
        other.shapes = dict(shapes)
        return other

    def sized(self, sizes: Mapping[str, int] | None) -> Model:
        """The same network with these numbers in place of open dimensions, where its steps are as many as they say: if
        blocks are called along an axis."""
        given = {name: size for name, size in (sizes or {}).items() if size != self.open_sizes.get(name, size)}
        if not given or not goes_along(self._main[0]):
            return self
        other = Model(self.spec, self.variant, self.params, self.overrides)
        other.shapes, other.sizes = dict(self.shapes), given
        return other

    @cached_property
    def free_params(self) -> frozenset[str]:
        """The params that stay arguments of the generated model: they do not change its structure, and can have other
        values. Raises SpecError."""
        if not self._free or self._other(self._free) is not None:
            return self._free
        found: frozenset[str] = frozenset()
        for name in self.params:
            if name in self._free and self._other(found | {name}) is not None:
                found |= {name}
        return found

    def roots(self, free: frozenset[str]) -> dict[str, Module]:
        """The elaborated tree (`main`), the same with other values for free params (`params`), and with other sizes for
        open dimensions (`sizes`), so that generated code can be held against more than one instance. Raises
        SpecError."""
        if free not in self._roots:
            found = {"main": self._main[0] if free == self._free else self._elaborated(free, self.sizes)[0]}
            other = self._other(free) if free else None
            if other is not None:
                found["params"] = other
            if self._main[1].open_sizes or self.across:
                found["sizes"] = self._resized(free)
            self._roots[free] = found
        return self._roots[free]

    @cached_property
    def _free(self) -> frozenset[str]:
        return free_params(self.spec.document)

    def _other(self, free: frozenset[str]) -> Module | None:
        """The network with other values for free params; None if they do not take them."""
        if free not in self._others:
            self._main  # noqa: B018 (which finds the sizes that it takes)
            self._others[free] = None
            for change in (_next, _twice):
                with contextlib.suppress(SpecError):
                    params = {name: change(self.params[name]) for name in free}
                    self._others[free] = self._elaborated(free, self.sizes, params)[0]
                    break
        return self._others[free]

    def _resized(self, free: frozenset[str]) -> Module:
        """The network with other sizes for open dimensions."""
        for more in OTHER_SIZES:
            sizes = {name: size + more for name, size in self._main[1].open_sizes.items()}
            if self.across:
                sizes["batch"] = 2 + more
            try:
                return self._elaborated(free, sizes)[0]
            except SpecError:
                if more == OTHER_SIZES[-1]:
                    raise
        raise AssertionError(free)

    @cached_property
    def _main(self) -> tuple[Module, Elaborator]:
        try:
            return self._elaborated(self._free, self.sizes, told=True)
        except SpecError as error:
            found = self._at_larger_sizes(error)
            if found is None:
                raise
            return found

    def _at_larger_sizes(self, error: SpecError) -> tuple[Module, Elaborator] | None:
        """The network at other sizes of open dimensions than the usual ones, which it does not take; None if it takes
        none, or is wrong at any."""
        wrong = {*error.diagnostics}
        for sizes in larger_sizes(self.spec.document, self.params):
            try:
                found = self._elaborated(self._free, {**sizes, **self.sizes}, told=True)
            except SpecError as other:
                if wrong & {*other.diagnostics}:
                    return None
            else:
                self._larger = sizes
                return found
        return None

    def _elaborated(
        self, free: frozenset[str] = frozenset(), sizes: Mapping[str, int] | None = None,
        params: Mapping[str, Any] | None = None, *, told: bool = False,
    ) -> tuple[Module, Elaborator]:  # fmt: skip
        """The tree of the network. Raises SpecError with all that is wrong, if it is `told` in the section `training`,
        too."""
        found = self.spec.findings
        elaborator = Elaborator(self.spec.document, self.spec.source, {**self.params, **(params or {})}, free,
                                {**self._larger, **(sizes or {})}, self._modules, self.shapes)  # fmt: skip
        module, problems = None, []
        try:
            module = elaborator.network()
        except SpecError as error:
            problems = list(error.diagnostics)
        if module is not None and not any(d.severity == "error" for d in found):
            return module, elaborator
        if told:
            try:
                self._planned(module, elaborator)
            except SpecError as error:
                problems += error.diagnostics
        places = {(d.line, d.column) for d in found if d.severity == "error"}
        more = [d for d in problems if (d.line, d.column) not in places]
        raise SpecError(sorted({*found, *more}, key=lambda d: (d.line, d.column, d.message)))

    @property
    def tree(self) -> Module:
        """The network as blocks inside of blocks. Raises SpecError."""
        return self._main[0]

    @cached_property
    def graph(self) -> Graph:
        """The network as a list of steps. Raises SpecError."""
        module, elaborator = self._main
        return flatten(module, self.name, elaborator.limits)

    def graph_for(self, sizes: Mapping[str, int] | None = None) -> Graph:
        """The network as a list of steps, with numbers for `batch` and open dimensions.

        Raises SpecError if the spec is not valid, UsageError for a size of what is no open dimension.
        """
        if not sizes:
            return self.graph
        check_sizes(sizes)
        with contextlib.suppress(SpecError):  # which sizes are usual ones; these may be others
            self._main  # noqa: B018
        module, elaborator = self._elaborated(sizes=sizes)
        for name in sizes:
            if name != "batch" and name not in elaborator.open_sizes:
                raise UsageError(f"{self.name} has no open dimension '{name}'; {one_of(name, elaborator.open_sizes)}")
        return flatten(module, self.name, elaborator.limits)

    @cached_property
    def one_size(self) -> frozenset[str]:
        """The images and sequences among the inputs, if the network takes them in the spec's sizes alone: in others,
        steps do not fit together, or need weights of other shapes. Raises SpecError."""
        tried = other_shapes(self._main[0].inputs)
        fits = any(self._fits(shapes) for shapes in tried)
        return frozenset() if fits else frozenset(name for shapes in tried for name in shapes)

    def _fits(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether the network takes inputs of other shapes with the same weights, but for those of training alone."""
        other = self.resized(shapes)
        try:
            if same_weights(self._main[0], other._main[0]):
                return True
        except SpecError:
            return False
        graphs = self.graph, other.graph
        mine, others = ({name: p.shape for name, p in g.parameters(Mode.EVALUATION).items()} for g in graphs)
        return mine == others

    @property
    def across(self) -> bool:
        """Whether samples may see each other, or places are samples for a while. Raises SpecError."""
        return "batch" in self._main[0].open

    @property
    def open_sizes(self) -> dict[str, int]:
        """The numbers that stand for open dimensions. Raises SpecError."""
        return dict(self._main[1].open_sizes)

    def others(self, names: Collection[str]) -> Iterator[Model]:
        """The same network with other values of these params, which it may not take; itself if there are none."""
        for change in (_next, _twice) if names else ():
            params = {name: change(value) if name in names else value for name, value in self.params.items()}
            other = Model(self.spec, self.variant, params, self.overrides)
            other.shapes, other.sizes = dict(self.shapes), dict(self.sizes)
            yield other
        yield self

    def check(self) -> list[Diagnostic]:
        """Elaborates the network and confirms what the spec expects; gives the warnings. Raises SpecError."""
        module, elaborator = self._main
        problems = self._untrainable()
        if not self.overrides:
            shapes = {name: value.shape for name, value in module.outputs.items()}
            problems += unmet(self.spec.document, self.spec.source, self.variant, self.graph, shapes)
        if problems:
            raise SpecError(sorted(problems, key=lambda d: (d.line, d.column)))
        found = [*self.spec.findings, *elaborator.warnings(module), *self._unmet_lines()]
        return [d for d in found if d.severity == "warning"]

    def _unmet_lines(self) -> Iterator[Diagnostic]:
        """Warnings of lines of `init` by which no weight begins, here or in another variant."""
        module, elaborator = self._main
        left = elaborator.unmet(module)
        for variant in self.spec.document.variants:
            if not left:
                return
            with contextlib.suppress(SpecError):
                other, its = self.spec.network(variant)._main
                left &= its.unmet(other)
        for path in sorted(left, key=str):
            yield self.spec.source.diagnostic(
                path, "init: no weight begins as this says", key=path[-1] != "init", severity="warning",
                hint="each has a line that is nearer, or there is none of its kind",
            )  # fmt: skip

    @cached_property
    def training(self) -> Plan | None:
        """How the network is trained; None if the spec does not say. Raises SpecError."""
        return self._planned(*self._main)

    def _planned(self, module: Module | None, elaborator: Elaborator) -> Plan | None:
        section = self.spec.document.training
        if section is None:
            return None
        from archspec.training.plan import plan

        outputs = self.spec.document.outputs
        declared = outputs if isinstance(outputs, dict) else ()
        return plan(section, self.spec.source, self.params, module, elaborator.open_sizes, elaborator.limits, declared)

    def _untrainable(self) -> list[Diagnostic]:
        try:
            _ = self.training
        except SpecError as error:
            return list(error.diagnostics)
        return []

    def compile(self, to: str, *, exact_statistics: bool = False) -> str:
        """The network as source code for one framework: `compile("keras")`.

        With `exact_statistics` running variances are equal in all frameworks, at the price of a layer of its own in
        PyTorch. Raises SpecError if the spec is not valid, BackendError if the framework cannot express the network
        exactly, UsageError if there is no such backend.
        """
        return one_backend(to, exact_statistics).write(self)

    def script(self, to: str) -> Script:
        """What trains the network in one framework: a file beside that of `compile`.

        Raises as `compile`, and UsageError if the spec has no `training` section, or the backend writes no scripts.
        """
        return self.script_for(one_backend(to))

    def script_for(self, chosen: Backend) -> Script:
        """The same for a backend itself."""
        from archspec.training.script import Script

        if self.training is None:
            raise UsageError(f"{self.name} says nothing of training: its spec has no section 'training'")
        if chosen.training is None:
            raise UsageError(f"the backend '{chosen.name}' writes no scripts that train")
        return Script(self, self.training, chosen.generate(self), chosen.name, chosen.training())

    def program(self, to: str) -> Program:
        """The generated code and what a runner needs to run it; raises as `compile`."""
        return one_backend(to).generate(self)

    def module(self, to: str, *, exact_statistics: bool = False) -> ModuleType:
        """The generated code as a module of this process, which imports the framework: its classes, or functions.

        The same code is the same module, and so are its classes. `inspect` and tracebacks show its source, though it
        lies in no file. Raises as `compile`, and UsageError if the framework is not installed.
        """
        backend = one_backend(to, exact_statistics)
        return backend.module(backend.generate(self))

    def build(
        self, to: str, *, weights: str | Path | Mapping[str, Array] | None = None, names: Rules | str = "",
        origin: str = "", allow_missing: str | Sequence[str] = (), device: Any = None, exact_statistics: bool = False,
    ) -> Any:  # fmt: skip
        """The network as the framework's own object in this process: `build("pytorch", weights="start.safetensors")`
        gives an `nn.Module`, `build("keras")` a `keras.Model`. No other framework is imported.

        `weights` is a file of any kind that `archspec weights` reads, or arrays by name; `names`, `origin` and
        `allow_missing` say more of them, as in `archspec.weights.exchange.load`. What they do not give begins as the
        spec's `init` says, with the framework's random numbers. `device` and the kind of numbers are the framework's:
        `device="cuda:1"`, and float32 unless it was told otherwise.

        The object can be copied and pickled, also into a process that only has archspec and the framework. Raises as
        `module`, and UsageError for weights that do not fit, or a device that is not there.
        """
        backend = one_backend(to, exact_statistics)
        if backend.live is None:
            raise UsageError(f"the backend '{backend.name}' builds no models: write its code with compile")
        program = backend.generate(self)
        arrays = {}
        if weights is not None:
            from archspec.weights.exchange import targets

            arrays = targets(self, program, weights, names, origin, allow_missing)
        elif names or origin or allow_missing:
            raise UsageError("names, origin and allow_missing say more of weights, and there are none")
        needed = self.graph.parameters(Mode.EVALUATION)
        optional = {weight.target for weight in program.weights if weight.parameter not in needed}
        make = getattr(backend.module(program), program.entry)
        return backend.live(make, arrays, optional, device)

    def export(
        self, path: str | Path, *, weights: str | Path | Mapping[str, Array] | None = None, names: Rules | str = "",
        origin: str = "", seed: int = 0,
    ) -> list[Path]:  # fmt: skip
        """Writes the network, as it is in evaluation, into a file of a format, which the path's ending says:
        `export("resnet50.onnx", weights="trained.safetensors")`. Gives the paths of all that was written.

        `weights`, `names` and `origin` are as in `build`; without weights, they begin as the spec's `init` says, drawn
        with `seed`. Raises SpecError, BackendError for what the format cannot express exactly, UsageError for a format
        that there is not, weights that do not fit, or a file that cannot be written.
        """
        from archspec.formats import format_of
        from archspec.weights.exchange import numbers

        path = Path(path)
        return format_of(path).write(self, path, numbers(self, weights, names, origin, seed))

    def weights(
        self, arrays: Mapping[str, Array], *, to: str, names: Rules | str = "", origin: str = ""
    ) -> dict[str, Array]:
        """Another library's weights by the names and in the layouts of the generated model: its `state_dict` in PyTorch
        and PaddlePaddle, the paths of `weights` in Keras.

        `names` is a library whose names come along (`torchvision`, `timm`), or a mapping of the beginnings of names to
        those in the spec, as in `specs/torchvision`. `origin` says whose layouts the arrays have: a backend's, or
        `canonical` for those of the spec. Raises as `compile`, and UsageError if anything is missing, left over, or has
        another shape, and where the origin matters and nobody tells it.
        """
        from archspec.weights.exchange import laid_out

        return laid_out(self, self.renamed(arrays, names, origin), to)

    def renamed(self, arrays: Mapping[str, Array], names: Rules | str = "", origin: str = "") -> dict[str, Array]:
        """Another library's weights by the names and in the shapes that the spec gives them; `names` and `origin` as in
        `weights`.

        Integers, which count batches or are tables of indices, are no weights. The heads that only training needs may
        be missing. Raises SpecError, and UsageError with everything else that is missing, left over, or has another
        shape; axes of size one may come and go.
        """
        from archspec.weights.exchange import canonical

        return canonical(self, arrays, names, origin)

    def summary(self, sizes: Mapping[str, int] | None = None) -> Summary:
        """The table of steps with shapes, parameters, multiply-adds and memory. `sizes` are numbers for open
        dimensions, which costs depend on.

        Raises SpecError if the spec is not valid, UsageError for a size of what is no open dimension.
        """
        from archspec.summary import summarize

        return summarize(self.graph_for(sizes))


def one_backend(name: str, exact_statistics: bool = False) -> Backend:
    """The backend of this name; raises UsageError if there is none. See `Backend.exact`."""
    from archspec.backend import backends
    from archspec.formats import format_names

    if isinstance(name, str) and name in format_names():
        raise UsageError(f"{name} is no source code, but a file: export writes it, or archspec compile --to {name}")
    if not isinstance(name, str):
        raise UsageError(f"one backend is named here, by a text, not by {describe(name)}")
    (chosen,) = backends([name])
    return chosen.exact() if exact_statistics else chosen


def check_sizes(sizes: Mapping[str, int] | None) -> None:
    """Raises UsageError for what can be the size of no dimension."""
    if sizes is not None and not isinstance(sizes, Mapping):
        raise UsageError(f"sizes are given as a mapping of names to numbers, not by {describe(sizes)}")
    for name, size in (sizes or {}).items():
        if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= 2**31:
            raise UsageError(f"{name} (={size}): a size is a whole number from 1 to 2**31")


def _next(value: Any) -> Any:
    """Another value for a param, which has no factor in common with the first."""
    return value + 1 if isinstance(value, int) else value / 2 + 0.125


def _twice(value: Any) -> Any:
    """Another value for a param that something must divide."""
    return 2 * value if isinstance(value, int) else value / 2 + 0.125
