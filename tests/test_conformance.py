"""Every row of `cases.py` on every backend: its numbers against the reference, in float64 and in float32.

Each case is run as a step of the network, as an element of a named sequence, and inside a block, whose sizes are symbols.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import CASES, TABLE, Case

from archspec import ops, reference
from archspec.backend import BackendError, Program, backends
from archspec.graph.graph import Graph
from archspec.model import Model, Spec
from archspec.ops.base import Array
from archspec.verify import compare, data, worker
from archspec.verify.workers import Failure, Pool, Result, message

BATCH = 3
BACKENDS = {backend.name: backend for backend in backends()}
pytestmark = pytest.mark.frameworks
