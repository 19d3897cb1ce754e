"""Networks of the frameworks' own libraries as judges; `make judges` compares all of them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from archspec.verification.compare import FLOAT64_BOUND
from archspec.verification.workers import Pool

from .judges.judge import FRAMEWORKS, Library, NotInstalled, ordered
from .judges.networks import NETWORKS, SMALL, Network

CHOSEN = [network for network in NETWORKS if network.ours in SMALL[network.library]]


@pytest.fixture(scope="module")
def libraries(pool: Pool) -> Iterator[dict[str, Library]]:
    """The processes of the libraries, each started when it is first asked for."""
    started: dict[str, Library] = {}
    yield started
    for library in started.values():
        library.__exit__()


def judge(network: Network, pool: Pool, libraries: dict[str, Library]) -> Library:
    name = network.library
    if find_spec(name) is None:
        pytest.skip(f"not compared: {name} is not installed")
    if name not in libraries:
        for other in libraries.values():
            other.__exit__()
        libraries.clear()
        libraries[name] = Library(name, pool).__enter__()
    return libraries[name]


@pytest.mark.frameworks
@pytest.mark.parametrize("network", CHOSEN, ids=lambda network: f"{network.library}-{network.ours}")
def test_outputs_are_the_library_s(network: Network, pool: Pool, libraries: dict[str, Library]) -> None:
    verdict = judge(network, pool, libraries).judge(network)
    assert not verdict.problem
    assert verdict.error <= FLOAT64_BOUND
    assert verdict.spread > 1e-3, "the outputs do not depend on the images"


@pytest.mark.frameworks
@pytest.mark.parametrize(("ours", "backend"), [("resnet18", "paddle"), ("mobilenet_v2", "keras")])
def test_torchvision_s_weights_in_other_frameworks(
    ours: str, backend: str, pool: Pool, libraries: dict[str, Library]
) -> None:
    (network,) = (each for each in NETWORKS if each.library == "torchvision" and each.ours == ours)
    assert judge(network, pool, libraries).judge(network, backend).error <= FLOAT64_BOUND


@pytest.mark.frameworks
def test_another_network_with_the_same_weights_differs(pool: Pool, libraries: dict[str, Library]) -> None:
    network = Network("torchvision", "squeezenet1_0", "squeezenet1_0_simple_bypass", by="name")
    verdict = judge(network, pool, libraries).judge(network)
    assert not verdict.problem
    assert verdict.error > 1e-3


def test_every_network_is_judged_once_by_a_library() -> None:
    pairs = [(network.library, network.theirs, network.ours) for network in NETWORKS]
    assert len(set(pairs)) == len(pairs)
    assert {network.library for network in CHOSEN} == set(FRAMEWORKS)
    assert len(CHOSEN) == sum(map(len, SMALL.values()))


def test_what_comes_first() -> None:
    paths = [name.split(".") for name in ("a.conv.w", "a.down.0.w", "a.down.0.b", "down.w")]
    assert list(ordered(paths, ("down",))) == ["down.w", "a.down.0.w", "a.down.0.b", "a.conv.w"]
    assert list(ordered(paths, ())) == [".".join(path) for path in paths]


def test_a_library_that_is_missing_is_told(pool: Pool) -> None:
    with pytest.raises(NotInstalled):
        Library("torch_vision_of_nobody", pool).__enter__()
