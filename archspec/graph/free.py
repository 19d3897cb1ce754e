"""Which params of a network stay arguments of its code, because they change no structure."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from archspec import ops
from archspec.expressions import ExpressionError, free_names, parse
from archspec.graph.operations import KEYS
from archspec.ops.base import Operation
from archspec.spec import initial
from archspec.spec.document import BlockStep, BranchesStep, Document, OperationStep, SequenceStep
from archspec.spec.lint import literal_texts


def free_params(document: Document) -> frozenset[str]:
    """Params that only ever stand alone for an attribute that changes no structure (`Operation.free`).

    What a block reads of the document's params is a constant of its code.
    """
    found: dict[str, bool] = {}
    blocks: dict[str, dict[str, bool]] = {}
    try:
        for name in document.blocks:
            _note_block(document, name, blocks)
        _note_uses(document, document.layers, found, frozenset(document.params), blocks)
    except RecursionError:
        return frozenset()  # blocks nested so deep are an error, which elaboration tells with its position
    own = {name: block for name, block in document.blocks.items() if name not in document.used}
    for name, block in own.items():
        found.update(dict.fromkeys(blocks[name].keys() - block.hidden, False))
    for use in document.use:
        found.update(dict.fromkeys(_used(use.params), False))
    for raw in [document.init, *(block.init for block in own.values())]:
        found.update(dict.fromkeys(initial.names(raw), False))
    for output in document.outputs.values() if isinstance(document.outputs, dict) else ():
        found.update(dict.fromkeys(_used(output.when), False))
    for declared in document.inputs.values():
        for size in [*declared.shape, declared.below]:
            found.update(dict.fromkeys(_used(size), False))
    return frozenset(
        name for name, free in found.items()
        if free and name in document.params and document.params[name].type in ("int", "float")
    )  # fmt: skip


def _note_block(document: Document, name: str, blocks: dict[str, dict[str, bool]]) -> dict[str, bool]:
    """Whether all uses of each param that a block reads are free."""
    if name not in blocks:
        block = document.blocks[name]
        blocks[name] = {}
        _note_uses(document, block.layers, blocks[name], frozenset([*document.params, *block.params]), blocks)
    return blocks[name]


def _note_uses(
    document: Document, layers: list[Any], found: dict[str, bool], names: frozenset[str],
    blocks: dict[str, dict[str, bool]],
) -> None:  # fmt: skip
    """Notes for each name whether all its uses are free; `blocks` keeps what is known of the params of blocks."""
    for step in layers:
        raws: list[tuple[Any, bool]] = [(raw, False) for raw in (step.when, step.frozen, step.repeat, step.each)]
        raws += [(name, False) for name in initial.names(step.init)]
        match step:
            case OperationStep():
                cls = ops.get(step.op) if step.op in KEYS else None
                raws += [
                    (raw, key in (cls.free if cls is not None else _free_somewhere()))
                    for key, raw in _without_texts(step, cls)
                ]
                if cls is None:
                    raws.append((step.op, False))
            case BlockStep():
                known = step.block in document.blocks
                inner = _note_block(document, step.block, blocks) if known else {}
                extra = step.__pydantic_extra__ or {}
                raws += [(raw, known and inner.get(key, True)) for key, raw in extra.items()]
                raws.append((step.block, False))
            case SequenceStep():
                _note_uses(document, step.layers, found, names, blocks)
            case BranchesStep():
                for branch in step.branches.values():
                    _note_uses(document, branch, found, names, blocks)
                _note_uses(document, [step.joined], found, names, blocks)
        for raw, free in raws:
            for name in _used(raw) & names:
                found[name] = found.get(name, True) and free and raw == name


@cache
def _free_somewhere() -> frozenset[str]:
    """The attributes that are free in any operation, for a step whose operation is a param."""
    return frozenset().union(*(ops.get(key).free for key in KEYS))


def _without_texts(step: OperationStep, cls: type[Operation] | None) -> Iterator[tuple[str, Any]]:
    """The attributes of a step, but for those that are words and no expressions: `axis: width`."""
    for key, raw in (step.__pydantic_extra__ or {}).items():
        texts = literal_texts(cls, key) if cls is not None and key in cls.model_fields else frozenset[str]()
        if not all(isinstance(item, str) and item in texts for item in (raw if isinstance(raw, list) else [raw])):
            yield key, raw


def _used(raw: Any) -> set[str]:
    if isinstance(raw, dict):
        raw = list(raw.values())
    if isinstance(raw, list):
        return set().union(*map(_used, raw)) if raw else set()
    if not isinstance(raw, str):
        return set()
    try:
        return free_names(parse(raw))
    except ExpressionError:
        return set()
