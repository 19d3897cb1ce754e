"""One run of a generated file on stand-ins: what its probes see, step by step, against the graph."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from archspec.emit.layouts import Layout, canonical
from archspec.expressions import expr_of, free_names
from archspec.graph.graph import Node, Tensor

from . import frameworks
from .frameworks import Maker, Name, named_maker
from .lent import Inside, Source, source
from .rows import Answer
from .values import Layer, Leaf, Pairs, Value, parts, same, shown

if TYPE_CHECKING:
    from archspec.backend import Observed

    from .check import Written

PLAIN_FUNCTIONS: Final = frozenset({"make_divisible", "per_axis"})
"""Support functions on plain numbers, which are run; all others are what they are called."""


class Wrong(Exception):
    """The file does not do what the graph says."""


class Run:
    """One run of a file: what its probes see, step by step, against the graph."""

    def __init__(self, case: Written, training: bool) -> None:
        self.case, self.training = case, training
        self.graph, self.program = case.graph, case.program
        self.sizes: Callable[[Any], Any] = list if case.backend.framework == "paddle" else tuple
        """What the framework has the sizes of a tensor in."""
        self.nodes = {tensor.name: node for node in self.graph.nodes for tensor in node.outputs}
        self.seen: dict[str, tuple[Answer, Pairs]] = {}
        """The steps that ran, with their layers."""
        self.there: set[int] = {id(tensor) for tensor in self.graph.inputs.values()}
        self.claimed: dict[int, str] = {}
        self.lost: dict[int, str] = {}
        """Tensors that are no more, and the steps that wrote over them."""
        self.hooked = frozenset(self.program.hooks.values())
        self.met: Counter[str] = Counter()
        """How often each probe was met: more than once in a block that is called several times."""
        self.clean: dict[str, Any] = {}
        """The names that rows use, with nothing over them."""
        self.known: dict[tuple[Answer, Any], dict[str, Any]] = {}
        """The same with the numbers of an instance."""

    def supported(self, make: Any) -> dict[str, Any]:
        """Stand-ins for the support code that the file has."""
        found: dict[str, Any] = {}
        for name, code in self.case.support.items():
            if name in PLAIN_FUNCTIONS:
                exec(code, own := frameworks.namespace({}, {}))
                found[name] = own[name]
            else:
                found[name] = Name(name) if name[0].islower() else make(name)
        return found

    # Steps ----------------------------------------------------------------------------------------------------------

    def observed(self, key: str) -> tuple[Node, Sequence[Observed]]:
        """The step that a probe sees now, and what of it."""
        declared = self.case.probes.get(key, ())
        if not declared:
            raise Wrong(f"a probe '{key}' that is not declared")
        count = len(self.nodes[declared[0].tensor].outputs)
        seen = declared[self.met[key] * count : (self.met[key] + 1) * count]
        self.met[key] += 1
        if not seen:
            raise Wrong(f"{self.nodes[declared[0].tensor].path} runs twice")
        return self.nodes[seen[0].tensor], seen

    def see(self, key: str, value: Any) -> Any:
        """What stands for a step's value from here on."""
        node, declared = self.observed(key)
        if node.path in self.seen:
            raise Wrong(f"{node.path} runs twice")
        found = list(parts(value))
        self._reads(node.path, found)
        answer, pairs = self._matched(node, value, found, key in self.hooked)
        self.seen[node.path] = answer, pairs
        self.check_names(key, pairs)
        for layer in pairs.given:
            whose = node.owner or node.path
            if id(layer) not in pairs.fixed and self.claimed.setdefault(id(layer), whose) != whose:
                raise Wrong(f"{node.path} uses the layer of {self.claimed[id(layer)]}")
        for written_over in _overwritten(found):
            self.lost[id(written_over.tensor)] = node.path
        layouts = answer.lowered.layouts or answer.layouts[:1] * len(node.outputs) or (None,)
        given = tuple(map(self.leaf, node.outputs, layouts))
        for leaf, observed in zip(given, declared, strict=True):
            if _moves(leaf) != observed.layout:
                raise Wrong(f"{node.path} is laid out as {_moves(leaf)}, not as {observed.layout}")
        self.there.update(id(tensor) for tensor in node.outputs)
        return given if len(given) > 1 else given[0]

    def needed(self, node: Node) -> tuple[Tensor, ...]:
        """What must be there before a step."""
        return node.inputs

    def leaf(self, tensor: Tensor, layout: Layout | None) -> Leaf:
        """What stands for a tensor of the graph."""
        return _leaf(tensor, layout, self.sizes)

    def check_names(self, key: str, pairs: Pairs) -> None:
        """Whether a step's layers are called after it."""

    def _reads(self, reader: str, values: Iterable[Any]) -> None:
        for leaf in values if self.lost else ():
            if isinstance(leaf, Leaf) and id(leaf.tensor) in self.lost:
                raise Wrong(f"{reader} reads {leaf.tensor.name}, which {self.lost[id(leaf.tensor)]} wrote over")

    def _matched(self, node: Node, value: Any, found: Sequence[Value], hooked: bool) -> tuple[Answer, Pairs]:
        """The answer of the step's row that the value is, and the layers in it."""
        for tensor in self.needed(node):
            if id(tensor) not in self.there:
                raise Wrong(f"{node.path} runs before {tensor.name} is there")
        due: list[str] = []
        for answer, key in self.case.rows.answers[id(self.case.steps[node.path])]:
            if answer.told.wrong:
                raise Wrong(f"{node.path}: {answer.told.wrong[0]}")
            if answer.lowered.module is None if hooked else answer.value is None:
                continue
            layouts = answer.layouts or (None,) * len(node.inputs)
            given = [_leaf(*each, self.sizes) for each in zip(node.inputs, layouts, strict=True)]
            if not node.inputs:  # a layer may be called on the first input of the block, in any order of axes
                given = [leaf for leaf in found if isinstance(leaf, Leaf) and leaf.tensor is node.beside[0]][:1]
            expected, own = self._expected(answer, key, node, given, hooked)
            pairs = Pairs(own.values() if node.owner else ())
            if same(value, expected, pairs):
                pairs.by_suffix = {suffix: pairs.given_for(layer) for suffix, layer in own.items()}
                return answer, pairs
            due.append(shown(expected))
            if answer.lowered.array is not None:  # where nothing but the constructor reads it, it is no buffer
                plain = answer.run(answer.lowered.array, self.known[answer, key], {})
                if same(value, plain, Pairs()):
                    return answer, Pairs()
        raise Wrong(f"{node.path} is {shown(value)}, not {' or '.join(dict.fromkeys(due))}")

    def _expected(
        self, answer: Answer, key: Any, node: Node, given: Sequence[Leaf], hooked: bool
    ) -> tuple[Any, dict[str, Any]]:
        """What the step's value should be, and its layers by their suffixes."""
        if (answer, key) not in self.known:
            self.known[answer, key] = {**self.clean, **answer.env(key)}
        known = self.known[answer, key]
        env: dict[str, Any] = {f"given_{i}": leaf for i, leaf in enumerate(given)}
        if hooked:
            assert answer.lowered.module is not None
            return answer.run(answer.lowered.module, known, env)(env["given_0"]), {}
        if node.owner:
            if node.owner not in self.seen:
                raise Wrong(f"{node.path} runs before {node.owner}, whose weights it uses")
            known_layers = self.seen[node.owner][1].by_suffix
            own = {suffix: answer.run(code, known, env) for suffix, code in answer.lowered.layers.items()}
            own |= {suffix: layer for suffix, layer in known_layers.items() if layer is not None}
        else:
            own = {suffix: answer.run(code, known, env) for suffix, code in answer.lowered.layers.items()}
        env |= {f"own_{i}": layer for i, layer in enumerate(own.values())}
        condition = answer.lowered.condition
        for code in answer.first.values() if condition is None or answer.run(condition, known, env) else ():
            env["given_0"] = answer.run(code, known, env)
        assert answer.value is not None
        return answer.run(answer.value, known, env), own

    # The end --------------------------------------------------------------------------------------------------------

    def finish(self, result: Any) -> None:
        """Holds the outputs, and what ran, against the graph."""
        names = [name for name in self.program.outputs if self.training or name not in self.graph.training_outputs]
        values = result if isinstance(result, (tuple, list)) else [result]
        self._reads("the end", values)
        found = [value.tensor.name if isinstance(value, Leaf) else shown(value) for value in values]
        due = [self.graph.outputs[name].name for name in names]
        if found != due:
            raise Wrong(f"the outputs are {', '.join(found)}, not {', '.join(due)}")
        for name, value in zip(names, values, strict=True):
            if _moves(value) != self.program.outputs[name]:
                raise Wrong(f"output {name} is laid out as {_moves(value)}, not as {self.program.outputs[name]}")
        late = self.graph.training_outputs and not self.training
        due_nodes = (node for node in self.graph.nodes if not (late and node.training_only))
        if left := [node.path for node in due_nodes if node.path not in self.seen]:
            raise Wrong(f"{', '.join(left)} did not run")
        if not late:
            self.finish_layers()

    def finish_layers(self) -> None:
        """Holds where layers are against where the program says that weights are."""
        raise NotImplementedError

    def weights(self, places: Mapping[int, str], separator: str) -> None:
        """Whether weights are where the program says, given the places of layers."""
        for weight in self.program.weights:
            path = weight.parameter if weight.parameter in self.seen else weight.parameter.rpartition(".")[0]
            answer, pairs = self.seen[path]
            suffix, own, _ = answer.lowered.weights[weight.parameter[len(path) + 1 :]]
            layers = [pairs.by_suffix[suffix]] if pairs.by_suffix else pairs.given
            found = [places.get(id(layer), "nothing") for layer in layers]
            if pairs.by_suffix:  # else it is somewhere inside an element of a container
                there = weight.target in [f"{place}{separator}{own}" if own else place for place in found]
            else:
                there = any(f"{weight.target}{separator}".startswith(f"{place}{separator}") for place in found)
            if not there:
                raise Wrong(f"{weight.parameter} is in {' and '.join(found)}, and should be {weight.target}")


class ClassesRun(Run):
    """A file of PyTorch or Paddle."""

    def __init__(self, case: Written, training: bool) -> None:
        super().__init__(case, training)
        self.places: dict[int, str] = {}
        self.early: list[Any] = []
        """Who had a probe called while the model was made."""
        self.known_early: Iterator[str] | None = None

    def all(self, compiled: Any) -> None:
        framework = self.case.backend.framework
        modules = {**frameworks.PLAIN, **frameworks.with_classes(framework)}
        supported = self.supported(Maker)
        here = frameworks.namespace(modules, {**supported, "probe": self.probe})
        top = modules[framework]
        nn = modules[f"{framework}.nn"]
        plain = {framework: top, "nn": nn, "F": nn.functional, "math": frameworks.PLAIN["math"], "self": nn.Module()}
        self.clean = frameworks.namespace({}, {**plain, **frameworks.COLLECTIONS, **supported})
        exec(compiled, here)
        model = here[self.program.entry]()
        if self.early:  # where those are that were asked then is known only now
            paths = {id(each): path for path, each in frameworks.paths(model)}
            self.known_early = iter([paths[id(owner)] for owner in self.early])
            model = here[self.program.entry]()
        model.training = self.training
        self.model = dict(frameworks.paths(model))
        self.places = {id(each): path for path, each in self.model.items()}
        for path, key in self.program.hooks.items():
            if path not in self.model:
                raise Wrong(f"there is no layer '{path}'")
            self.model[path].hook = partial(self.see, key)
        self.finish(model(*(_leaf(self.graph.inputs[name], None, self.sizes) for name in self.program.inputs)))

    def probe(self, owner: Any, key: str, value: Any) -> Any:
        if self.places:
            path = self.places[id(owner)]
        elif self.known_early is not None:
            path = next(self.known_early)
        else:
            self.early.append(owner)
            return value
        if isinstance(value, Layer) and _is_kept(value):  # the constructor computed it
            self.claimed[id(value)] = f"{path}.{key}"
            value = value.made.parts[1][0]
        return self.see(f"{path}.{key}" if path else key, value)

    def finish_layers(self) -> None:
        self.weights(self.places, ".")
        idle = [path for path, each in self.model.items() if isinstance(each, Layer) and id(each) not in self.claimed]
        if idle:
            raise Wrong(f"no step uses {', '.join(idle)}")


class FunctionsRun(Run):
    """A file of Keras."""

    def all(self, compiled: Any) -> None:
        self.made: list[Layer] = []
        self.logs: list[list[tuple[str, Any, Any]]] = []
        """What was seen since the inputs of models inside, which are not made yet."""
        self.inline: set[str] = set()
        """What Keras calls operations outside of layers."""
        self.inputs: list[str] = []
        modules = {**frameworks.PLAIN, **frameworks.with_functions(self.made.append, {"Input": self.input,
                                                                                      "Model": self.end})}  # fmt: skip
        supported = self.supported(lambda name: named_maker(name, self.made.append))
        here = frameworks.namespace(modules, {**supported, "probe": self.probe})
        quiet = frameworks.with_functions(lambda layer: None, {})
        plain = {"keras": quiet["keras"], "layers": quiet["keras"].layers, "ops": quiet["keras"].ops,
                 "np": quiet["numpy"], "math": frameworks.PLAIN["math"]}  # fmt: skip
        self.clean = frameworks.namespace({}, {**plain, **self.supported(lambda name: named_maker(name, _nothing))})
        exec(compiled, here)
        result = here[self.program.entry](**(self.program.training_arguments if self.training else {}))
        if result is not self:
            raise Wrong("it does not return the model")

    def probe(self, key: str, value: Any) -> Any:
        self.inline.update(frameworks.operation(part) for part in parts(value))
        return self.see(key, value)

    def see(self, key: str, value: Any) -> Any:
        result = super().see(key, value)
        for log in self.logs:
            log.append((key, value, result))
        return result

    def leaf(self, tensor: Tensor, layout: Layout | None) -> Leaf:
        layout = layout or canonical(len(tensor.shape))
        return Source(tensor, layout.axes, layout.flattened)

    def input(self, shape: Any, *, dtype: str = "float", name: str = "") -> Leaf:
        if not name:
            leaf = source(shape)
            if dtype != leaf.tensor.dtype:
                raise Wrong(f"an input inside has {dtype}, not {leaf.tensor.dtype}")
            self.logs.append([])
            return leaf
        place = len(self.inputs)
        due_name = [*self.program.inputs, "nothing more"][place]
        self.inputs.append(name)
        if name.rstrip("_") != due_name.rstrip("_"):
            raise Wrong(f"input {place} is called {name}, not {due_name}")
        name, tensor = due_name, self.graph.inputs[due_name]
        moves = self.program.inputs[name]
        leaf = Source(tensor, tuple(moves[0][1]) if moves else canonical(len(tensor.shape)).axes)
        sizes = self.case.root.inputs[name].shape
        due = tuple(None if free_names(expr_of(sizes[axis])) & self.case.root.open else int(sizes[axis])
                    for axis in leaf.axes[1:])  # fmt: skip
        if shape != due or dtype != tensor.dtype:
            raise Wrong(f"input {name} has {dtype} of {shape}, not {tensor.dtype} of {due}")
        return leaf

    def inside(self, inputs: Any, outputs: Any) -> Any:
        """A model of a block, which may be called several times."""
        count = len(inputs) if isinstance(inputs, list) else 1
        made = Inside(inputs, outputs, self.logs[-count])
        del self.logs[-count:]
        return lambda given: made.call(given, self.see, lambda layer: self.claimed.setdefault(id(layer), "After"))

    def end(self, inputs: Any, outputs: Any, *, name: str) -> Any:
        if self.logs:
            return self.inside(inputs, outputs)
        given = [leaf.tensor.name for leaf in (inputs if isinstance(inputs, list) else [inputs])]
        if given != list(self.program.inputs) or name != self.program.entry:
            raise Wrong(f"the model {name} takes {', '.join(given)}")
        self.finish(outputs)
        return self

    def needed(self, node: Node) -> tuple[Tensor, ...]:
        return node.inputs or node.beside

    def check_names(self, key: str, pairs: Pairs) -> None:
        for suffix, layer in pairs.by_suffix.items():
            if not isinstance(layer, Layer) or id(layer) in pairs.fixed:
                continue
            due = {"_".join(filter(None, [start, suffix])).rstrip("_") for start in (key, key.rstrip("_"))}
            if str(layer.layer_name).rstrip("_") not in due:  # Keras may want an underscore at the end
                raise Wrong(f"{key} has a layer called {layer.layer_name}")

    def finish_layers(self) -> None:
        self.weights({id(layer): str(layer.layer_name) for layer in self.made}, "/")
        inner = {id(part) for layer in self.made for part in parts(layer.made) if isinstance(part, Layer)}
        layers = [layer for layer in self.made if id(layer) not in inner]
        if idle := [str(layer.layer_name) for layer in layers if id(layer) not in self.claimed]:
            raise Wrong(f"no step uses {', '.join(idle)}")
        names = Counter([*self.inputs, *(layer.layer_name for layer in layers if layer.layer_name is not None)])
        for code in (code for name, code in self.case.support.items() if name[0].islower()):
            self.inline.update(frameworks.called(name) for name in re.findall(r"\bops\.(\w+)\(", code))
        twice = [name for name, count in names.items() if count > 1 or re.sub(r"_\d+$", "", name) in self.inline]
        if twice:
            raise Wrong(f"two layers, inputs or operations are called {', '.join(twice)}")


def _is_kept(layer: Layer) -> bool:
    """Whether it is a buffer that holds what was computed from tensors of the graph."""
    return layer.made.parts[0].parts == ("nn.Buffer",) and any(isinstance(part, Leaf) for part in parts(layer.made))


def _nothing(layer: Layer) -> None:
    pass


def _leaf(tensor: Tensor, layout: Layout | None, sizes: Callable[[Any], Any]) -> Leaf:
    layout = layout or canonical(len(tensor.shape))
    return Leaf(tensor, layout.axes, layout.flattened, sizes)


def _moves(leaf: Leaf) -> Any:
    return _moved(leaf.axes, leaf.flattened)


@cache
def _moved(axes: tuple[int, ...], flattened: tuple[int, ...]) -> Any:
    return Layout(axes, flattened).moves()


def _overwritten(found: Iterable[Value]) -> Iterator[Leaf]:
    """The tensors that an expression with these parts writes over."""
    for part in found:
        match part:
            case Value(head="call", parts=(target, args, kwargs)):
                options = target.made.parts[2] if isinstance(target, Layer) else kwargs
                if options.get("inplace") is True:
                    yield from (arg for arg in args if isinstance(arg, Leaf))
