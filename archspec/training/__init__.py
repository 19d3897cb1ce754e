"""What a spec's `training` section may name: losses, optimizers and schedules, one class each."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from archspec.training.base import Rule

FAMILIES: Final = {"loss": "losses", "optimizer": "optimizers", "schedule": "schedules"}
"""What the section calls a kind of rule, and the module that has those of this kind."""


def rules(kind: str) -> dict[str, type[Rule]]:
    """The rules of a kind (`loss`, `optimizer`, `schedule`), by the names that a spec uses."""
    from archspec.training.base import Rule

    module: Any = import_module(f"archspec.training.{FAMILIES[kind]}")
    # `isinstance` would ask for `__class__`, by which modules are loaded that are not needed yet.
    classes = [member for member in vars(module).values() if issubclass(type(member), type)]
    found = [member for member in classes if issubclass(member, Rule)]
    return {rule.key: rule for rule in found if rule.__module__ == module.__name__ and rule.__name__[0] != "_"}
