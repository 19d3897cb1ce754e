"""A file of ONNX that a stranger made: read within bounds, its weights beside it, in an opset that is not too old."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, defs, helper, inliner, numpy_helper, version_converter

OLD, NEW = 13, 18
"""Files of an opset before the first are converted to the second."""
INSIDE = 1024
"""How many bytes a tensor may have that stays in the file while that is converted."""
KINDS = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL}


class FileError(Exception):
    """What is wrong with a file, in one line."""

    plain = True


class File:
    """A file with its weights beside it as arrays."""

    def __init__(self, path: str) -> None:
        self._folder = os.path.dirname(os.path.abspath(path))
        self.model = self._parsed(path)
        if not self.model.graph.node:
            raise FileError("there are no nodes in it; it is no file of ONNX, or an empty one")
        if self.model.functions:
            self.model = inliner.inline_local_functions(self.model)
        self.arrays: dict[str, Any] = {}
        self._strip()
        self.opset = next((each.version for each in self.model.opset_import if each.domain in ("", "ai.onnx")), 0)
        if not 0 < self.opset <= defs.onnx_opset_version():
            raise FileError(f"its opset is {self.opset}; known are 1 to {defs.onnx_opset_version()}")
        if self.opset < OLD:
            self._convert()

    @staticmethod
    def _parsed(path: str) -> Any:
        if os.path.getsize(path) > 2**31:
            raise FileError("it has more than 2 GB, which no file of protobuf has")
        model = ModelProto()
        try:
            with open(path, "rb") as file:
                model.ParseFromString(file.read())
        except OSError as error:
            raise FileError(error.strerror or str(error)) from None
        except Exception:  # whatever protobuf raises
            raise FileError("it is no file of ONNX, or it is cut off") from None
        return model

    def _strip(self) -> None:
        """Takes the weights out, but for small ones, which conversion may need."""
        graph = self.model.graph
        if graph.sparse_initializer:
            raise FileError("it has sparse weights")
        there = {each.name for each in graph.input}
        small = []
        for each in graph.initializer:
            array = self.array(each)
            self.arrays[each.name] = array
            if array.nbytes <= INSIDE:
                small.append(numpy_helper.from_array(array, each.name))
            elif each.name not in there:
                graph.input.append(helper.make_tensor_value_info(each.name, each.data_type, array.shape))
        del graph.initializer[:]
        graph.initializer.extend(small)

    def array(self, tensor: Any) -> Any:
        if tensor.data_type in (TensorProto.FLOAT16, TensorProto.BFLOAT16):
            raise FileError("its numbers are of half precision; it must be in float32")
        if tensor.data_type == TensorProto.STRING:
            raise FileError(f"'{tensor.name}' are texts")
        try:
            dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
            size = prod(tensor.dims) * dtype.itemsize
            if any(each < 0 for each in tensor.dims):
                raise ValueError
            if tensor.data_location == TensorProto.EXTERNAL:
                return self._beside(tensor, dtype, size)
            if tensor.raw_data and len(tensor.raw_data) != size:
                raise ValueError
            return numpy_helper.to_array(tensor)
        except FileError:
            raise
        except Exception:  # of numbers that are not those of the shape
            raise FileError(f"the weight '{tensor.name}' has not the numbers that its shape says") from None

    def _beside(self, tensor: Any, dtype: Any, size: int) -> Any:
        said = {each.key: each.value for each in tensor.external_data}
        location = said.get("location", "")
        path = os.path.realpath(os.path.join(self._folder, location))
        inside = path.startswith(os.path.realpath(self._folder) + os.sep)
        if not location or os.path.isabs(location) or not inside:
            raise FileError(f"the weight '{tensor.name}' lies outside of the file's folder: {location[:80]!r}")
        if not os.path.isfile(path):
            raise FileError(f"the weight '{tensor.name}' lies in {location[:80]!r}, which is not there")
        offset, length = int(said.get("offset") or 0), int(said.get("length") or size)
        if offset < 0 or length != size or offset + size > os.path.getsize(path):
            raise FileError(f"the weight '{tensor.name}' has not the numbers that its shape says, in {location[:80]!r}")
        return np.fromfile(path, dtype, prod(tensor.dims), offset=offset).reshape(tuple(tensor.dims))

    def _convert(self) -> None:
        """To a newer opset, if the converter can; else it stays as it is."""
        try:
            self.model = version_converter.convert_version(self.model, NEW)
        except Exception:  # of C++, for what it has no way to convert
            return
        self.opset = NEW

    def inputs(self, given: Sequence[Mapping[str, Any]], most: int) -> list[dict[str, Any]]:
        """The inputs in their order, whose sizes without the batch are those that are `given`, if any are."""
        own = [each for each in self.model.graph.input if each.name not in self.arrays]
        if not own:
            raise FileError("it has no inputs")
        if given and len(given) != len(own):
            raise FileError(
                f"it takes {len(own)} inputs, {', '.join(each.name for each in own)}; given are {len(given)}"
            )
        found = [self._input(each, given[place] if given else None) for place, each in enumerate(own)]
        free = dict.fromkeys(size for each in found for size in each["sizes"][1:] if isinstance(size, str))
        if len(free) > most:
            hint = "say some by --input, as in --input image=1,3,224,224"
            raise FileError(f"its inputs have {len(free)} open sizes, and at most {most} may be: {hint}")
        return found

    @staticmethod
    def _input(own: Any, given: Mapping[str, Any] | None) -> dict[str, Any]:
        kind, sizes = own.type.tensor_type.elem_type, list[Any]()
        if kind not in KINDS:
            raise FileError(f"its input '{own.name}' is of a kind of numbers that a spec has not")
        for axis, dim in enumerate(own.type.tensor_type.shape.dim):
            if dim.HasField("dim_value") and dim.dim_value < 1:
                raise FileError(f"its input '{own.name}' has an axis of size {dim.dim_value}")
            name = dim.dim_param or f"{own.name}_size{axis}"
            sizes.append(dim.dim_value if dim.HasField("dim_value") else name)
        if given is not None:
            if sizes and len(given["sizes"]) != len(sizes) - 1:
                raise FileError(
                    f"its input '{own.name}' has {len(sizes)} axes, and given are {len(given['sizes']) + 1}"
                )
            sizes = [*(sizes[:1] or ["batch"]), *given["sizes"]]
        if not sizes:
            raise FileError(
                f"the shape of its input '{own.name}' is not said; say it by --input, as in --input x=1,3,224,224"
            )
        return {"name": own.name, "sizes": sizes, "kind": helper.tensor_dtype_to_np_dtype(kind).name}
