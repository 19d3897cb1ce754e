"""A plugin of pytest, which is loaded wherever archspec is installed: it must cost nothing where there are no specs.

    pytest --archspec specs/

Each network, mode and backend is a test. What that takes is in `archspec.testing`, which is loaded when there are specs
to test.
"""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("archspec", "specs of networks as tests")
    group.addoption("--archspec", action="append", default=[], metavar="PATH", help="a spec, or a folder of specs")
    group.addoption(
        "--archspec-mode", action="append", default=[], metavar="MODE", help="evaluation (default), gradients, training"
    )
    group.addoption("--archspec-to", action="append", default=[], metavar="BACKEND", help="default: all there are")
    group.addoption("--archspec-shard", default="", metavar="PART/OF", help="only this part of all networks: 2/5")
    group.addoption("--archspec-no-cache", action="store_true", help="verify again what has not changed")
    group.addoption("--archspec-require", action="store_true", help="a framework that is missing is a failure")
    parser.addini("archspec_files", "patterns of specs that are tests, from the root folder", type="args", default=[])
    parser.addini("archspec_modes", "what --archspec-mode is by default", type="args", default=["evaluation"])


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "archspec: a network, held in one framework against the reference")
    if config.getoption("--archspec") or config.getini("archspec_files"):
        from archspec.testing import Specs

        config.pluginmanager.register(Specs(config), "archspec-specs")
