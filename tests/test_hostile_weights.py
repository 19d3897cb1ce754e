"""Files of weights from strangers: no code runs, what is broken or lies ends in one line, and takes little memory."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from archspec.errors import UsageError
from archspec.weights import files
from archspec.weights.conversion import convert
from archspec.weights.exchange import save

from .test_weight_files import numbers, square


class Code:
    """What runs when it is unpickled."""

    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('this ran')",)


def text(code: str) -> bytes:
    """A pickle of protocol 2 with these instructions."""
    return b"\x80\x02" + code.encode("latin1") + b"."


PICKLES: dict[str, bytes] = {
    "code": pickle.dumps({"fc.weight": Code()}),
    "module": text("cmynet\nNet\n)R"),
    "eval": text("cbuiltins\neval\nX\x01\x00\x00\x001\x85R"),
    "getattr": text("cbuiltins\ngetattr\n}X\x03\x00\x00\x00pop\x86R"),
    "extension": text("\x82\x01"),
    "instance": text("(ios\nsystem\n"),
    "large memo": text("}r\xff\xff\xff\x7f"),
    "large text": b"\x80\x04\x8d" + (2**62).to_bytes(8, "little") + b"x.",
    "large number": b"\x80\x02\x8b\xff\xff\xff\x7f.",
    "nested key": text("}(" + "K\x01" + "\x85" + "2\x86" * 60 + "Nu"),
    "empty stack": text("R"),
    "not ended": b"\x80\x02}",
    "no dictionary": pickle.dumps([1, 2]),
    "nothing in it": pickle.dumps({}),
    "objects": pickle.dumps({"a": np.array([{}], object)}),
    "twice": pickle.dumps({"a": np.zeros(2)}, 2).replace(b"u.", b"u.")[:-1]
    + b"(X\x01\x00\x00\x00aK\x01X\x01\x00\x00\x00aK\x01u.",
    "many nested": text("(" * 100_000),
    "wrong shape": pickle.dumps({"a": np.zeros(3, np.int8)}, 2).replace(b"K\x03\x85", b"K\x09\x85"),
}


@pytest.mark.parametrize("name", PICKLES)
@pytest.mark.parametrize("ending", ["pdparams", "pt"])
def test_pickles(name: str, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"net.{ending}"
    if ending == "pt":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("net/data.pkl", PICKLES[name])
    else:
        path.write_bytes(PICKLES[name])
    refused(path)


def refused(path: Path) -> str:
    """The line that says why a file is not read, within little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(UsageError) as raised:
            files.read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**26
    message = str(raised.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert len(message) < 500 + len(str(path))
    return message


ENDINGS = ("safetensors", "pt", "pdparams", "weights.h5", "h5")


@pytest.mark.parametrize("ending", ENDINGS)
def test_cut_off_or_changed_anywhere(ending: str, tmp_path: Path) -> None:
    """Some changes are in the numbers, and are read; none ends in anything but a line."""
    save(square(), tmp_path / f"whole.{ending}", numbers(square()))
    whole = (tmp_path / f"whole.{ending}").read_bytes()
    path = tmp_path / f"net.{ending}"
    random = np.random.default_rng(0)
    for cut in (0, 1, 7, 8, *random.integers(9, len(whole) - 9, 40)):
        path.write_bytes(whole[:cut])
        message = refused(path)
        assert "Error: " not in message  # the name of an exception of Python's
        assert ending == "safetensors" or "safetensors" not in message
    for _ in range(80):
        broken = bytearray(whole)
        for place in random.integers(0, len(whole), 3):
            broken[place] = random.integers(0, 256)
        path.write_bytes(bytes(broken))
        with contextlib.suppress(UsageError):
            files.read(path)


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as opened:
        for name, data in members.items():
            opened.writestr(name, data)
    return stream.getvalue()


def tensor(*, count: int, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> bytes:
    """The pickle of a dictionary with a tensor."""

    def whole(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(b"\x8a\x09" + value.to_bytes(9, "little", signed=True) for value in values) + b"t"

    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
    made = storage + whole((count,))[1:-1] + b"tQ" + whole((offset,))[1:-1] + whole(shape) + whole(strides) + b"\x89}"
    return b"\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n(" + made + b"tRs."


TENSORS = {
    "larger than its storage": {"count": 4, "shape": (5,), "strides": (1,)},
    "steps out of its storage": {"count": 4, "shape": (2,), "strides": (4,)},
    "begins outside": {"count": 4, "shape": (1,), "strides": (1,), "offset": 4},
    "repeats without end": {"count": 4, "shape": (2**40,), "strides": (0,)},
    "backwards": {"count": 4, "shape": (2,), "strides": (-1,)},
    "overflows": {"count": 4, "shape": (2**62, 4), "strides": (0, 0)},
    "more than there is": {"count": 2**40, "shape": (2**40,), "strides": (1,)},
    "ranks differ": {"count": 4, "shape": (2, 2), "strides": (1,)},
}


@pytest.mark.parametrize("name", TENSORS)
def test_tensors(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    options: Any = TENSORS[name]
    path.write_bytes(archive({"a/data.pkl": tensor(**options), "a/data/0": bytes(16)}))
    refused(path)


def test_the_tensor_that_these_are_made_like_is_read(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(archive({"a/data.pkl": tensor(count=4, shape=(2, 2), strides=(1, 2)), "a/data/0": bytes(16)}))
    assert files.read(path).arrays["a"].shape == (2, 2)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("a/data.pkl", tensor(count=4, shape=(2, 2), strides=(1, 2)))
        opened.writestr("a/data/0", bytes(16))
        opened.writestr("a/data/0", bytes(16))
    assert "two members of one name" in refused(path)


@pytest.mark.parametrize("target", ["pipe", "/dev/zero", "net.pt"])
def test_what_is_no_file(target: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "net.pt").symlink_to(target)
    with pytest.raises(UsageError, match=r"cannot read .*: (it is no file|Too many levels)"):
        files.read(tmp_path / "net.pt")


def test_what_a_file_says_of_itself_is_printed_as_text(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    about = {"archspec.fingerprint": "another", "archspec.network": "\x1b[31mred\n"}
    files.write(path, numbers(square()), "canonical", about, {})
    (note,) = convert(square(), path, tmp_path / "net.pt").notes
    assert r"another network, \x1b[31mred\n, whose weights" in note


def test_a_bomb(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    members = {"a/data.pkl": tensor(count=2**22, shape=(2**22,), strides=(1,)), "a/data/0": bytes(2**24)}
    path.write_bytes(archive(members, zipfile.ZIP_DEFLATED))
    assert "is compressed" in refused(path)
    path = tmp_path / "net.keras"
    path.write_bytes(archive({"model.weights.h5": bytes(2**24)}, zipfile.ZIP_DEFLATED))
    assert "is compressed" in refused(path)


def in_hdf5(make: Callable[[Any], None]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            group = file.create_group("layers/dense/vars")
            group.attrs["name"] = "fc"
            make(group)

    return write


def twice(group: Any) -> None:
    group["0"] = np.zeros(2)
    other = group.file.create_group("layers/dense_1/vars")
    other.attrs["name"], other["0"] = "fc", np.zeros(2)


HDF5: dict[str, Callable[[Path], None]] = {
    "external link": in_hdf5(lambda group: group.__setitem__("0", h5py.ExternalLink("/etc/passwd", "/"))),
    "soft link": in_hdf5(lambda group: group.__setitem__("0", h5py.SoftLink("/layers"))),
    "external data": in_hdf5(lambda group: group.create_dataset("0", (4,), "u1", external=[("/etc/passwd", 0, 4)])),
    "compressed": in_hdf5(lambda group: group.create_dataset("0", data=np.zeros(2**20), compression="gzip")),
    "declared": in_hdf5(lambda group: group.create_dataset("0", (2**40,), "f4", chunks=(2**20,))),
    "virtual": in_hdf5(lambda group: group.create_virtual_dataset("0", h5py.VirtualLayout((2**40,), "f4"))),
    "texts": in_hdf5(lambda group: group.create_dataset("0", data=["a", "b"], dtype=h5py.string_dtype())),
    "circle": in_hdf5(lambda group: group.file.__setitem__("layers/dense/again", group.file["layers"])),
    "two of one name": in_hdf5(lambda group: twice(group)),
    "array for a group": in_hdf5(lambda group: group.file.__setitem__("layers/other", 1.0)),
}


def hundredfold(group: Any) -> None:
    """One array under many names, which would be many in memory."""
    group["0"] = np.zeros(2**16)
    for number in range(1, 100):
        group[str(number)] = group["0"]


HDF5["hard links"] = in_hdf5(hundredfold)
HDF5["nothing"] = in_hdf5(lambda group: group.create_dataset("0", data=h5py.Empty("f4")))


@pytest.mark.parametrize("name", HDF5)
def test_hdf5(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.weights.h5"
    HDF5[name](path)
    refused(path)


def parts(slices: Any, shape: Any, **more: Any) -> bytes:
    """An array in parts, as PaddlePaddle writes what pickles of old could not hold."""
    about = {"w": {"OriginShape": shape, "slices": slices}}
    return pickle.dumps({"w@@.0": np.arange(4.0), "w@@.1": np.arange(2.0), "UnpackBigParamInfor@@": about, **more}, 2)


def test_an_array_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "net.pdparams"
    path.write_bytes(parts(["w@@.0", "w@@.1"], (2, 3)))
    found = files.read(path).arrays
    assert {name: array.tolist() for name, array in found.items()} == {"w": [[0, 1, 2], [3, 0, 1]]}
    for wrong in (
        parts(["w@@.0"], (2, 3)), parts(["w@@.0", "w@@.2"], (2, 3)), parts(["w@@.0", "w@@.1"], (-2, -3)),
        parts(["w@@.0", "w@@.0"], (2, 4)), parts(["w@@.0", "w@@.1"], (2**40, 2**40)), parts(3, (2, 3)),
        parts(["w@@.0", "w@@.1"], "ab"), parts(["w@@.0", "w@@.1"], (2, 3), w=np.zeros(1)),
    ):  # fmt: skip
        path.write_bytes(wrong)
        refused(path)


INDEXES: dict[str, Any] = {
    "outside": {"weight_map": {"a": "../net.safetensors"}},
    "absolute": {"weight_map": {"a": "/etc/passwd"}},
    "itself": {"weight_map": {"a": "net.safetensors.index.json"}},
    "number": {"weight_map": {"a": 3}},
    "list": {"weight_map": ["a"]},
    "no map": {},
    "several": {"weight_map": {"a": ["net.safetensors", 3]}},
    "nested": {"weight_map": {"a": [["net.safetensors"]]}},
    "empty name": {"weight_map": {"a": ""}},
    "above": {"weight_map": {"a": ".."}},
    "null byte": {"weight_map": {"a": "net\0.safetensors"}},
    "pipe": {"weight_map": {"a": "pipe"}},
    "not there": {"weight_map": {"a": "none.safetensors"}},
    "another": {"weight_map": {"other": "net.safetensors"}},
}


@pytest.mark.parametrize("name", INDEXES)
def test_indexes(name: str, tmp_path: Path) -> None:
    save(square(), tmp_path / "net.safetensors", numbers(square()))
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / "net.safetensors.index.json"
    path.write_text(json.dumps(INDEXES[name]))
    with pytest.raises(UsageError, match=str(tmp_path)):
        files.read(path)


def test_shards(tmp_path: Path) -> None:
    own = numbers(square())
    for name, array in own.items():
        files.write(tmp_path / f"{name}.safetensors", {name: array}, "pytorch", {}, {})
    path = tmp_path / "net.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {name: f"{name}.safetensors" for name in own}}))
    found = files.read(path)
    assert found.origin == "pytorch"
    assert all(np.array_equal(found.arrays[name], own[name]) for name in own)
    files.write(tmp_path / "fc.bias.safetensors", own, "pytorch", {}, {})
    with pytest.raises(UsageError, match=r"two of its files have 'fc.weight'"):
        files.read(path)


HEADERS: dict[str, bytes] = {
    "long header": (2**60).to_bytes(8, "little") + b"{}",
    "large array": b'{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4]}}',
    "float8": b'{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}',
    "overlapping": b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
    b'"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    "not a header": b"[1, 2]",
    "nested": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "two of one name": b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
    b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    "negative": b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}',
    "no number": b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}',
    "many axes": b'{"a":{"dtype":"F32","shape":[' + b"1," * 99 + b'1],"data_offsets":[0,4]}}',
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_safetensors(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    header = HEADERS[name]
    path.write_bytes(header if name == "long header" else len(header).to_bytes(8, "little") + header + b"1234")
    refused(path)
