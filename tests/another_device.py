"""A device that is not there: CPU tensors that say they are elsewhere, to test device handling without a GPU.

As on a GPU, operations that mix devices fail (numbers, CPU indices and copies apart), and so does `Tensor.numpy`.
PyTorch knows the device's name, "lazy", and its CPU build has nothing of its own behind it. Importing this module sets
it up.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

ELSEWHERE = torch.device("lazy:0")
TAKES_BOTH = {"aten::_to_copy", "aten::copy_", "aten::index.Tensor", "aten::index_put", "aten::index_put_"}


class ElsewhereTensor(Tensor):
    """A tensor of that device; what it holds is on the CPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "ElsewhereTensor":
        with torch.inference_mode(False):  # a wrapper made in inference mode has no views
            made = Tensor._make_wrapper_subclass(
                cls,
                held.shape,
                strides=held.stride(),
                storage_offset=held.storage_offset(),
                dtype=held.dtype,
                device=ELSEWHERE,
            )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func, types, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        kwargs = dict(kwargs or {})
        device = kwargs.get("device") or ELSEWHERE
        strays = [
            tuple(value.shape)
            for value in tree_flatten((args, kwargs))[0]
            if isinstance(value, Tensor) and not isinstance(value, ElsewhereTensor) and value.ndim > 0
        ]
        if strays and func.name() not in TAKES_BOTH:
            raise RuntimeError(f"{func.name()} mixes {ELSEWHERE} with cpu tensors of shape {strays}")
        if "device" in kwargs:
            kwargs["device"] = torch.device("cpu")
        found = func(*tree_map(_held, args), **tree_map(_held, kwargs))
        if func._schema.is_mutable:
            changed = kwargs.get("out", args[0])
            assert changed.shape == changed.held.shape, f"{func.name()} resizes, which needs a kernel here"
            return changed
        return tree_map(_moved, found) if device == ELSEWHERE else found

    def numpy(self, *, force: bool = False) -> Any:
        if not force:
            raise TypeError(f"can't convert a tensor on {ELSEWHERE} to numpy")
        return self.held.numpy(force=True)

    def tolist(self) -> Any:
        return self.held.tolist()


def _held(value: Any) -> Any:
    return value.held if isinstance(value, ElsewhereTensor) else value


def _moved(value: Any) -> Any:
    return ElsewhereTensor(value) if isinstance(value, Tensor) else value


_library = torch.library.Library("aten", "IMPL")


@torch.library.impl(_library, "empty.memory_format", "Lazy")
def _empty(size: Sequence[int], dtype: torch.dtype | None = None, **_: Any) -> Tensor:
    return ElsewhereTensor(torch.empty(size, dtype=dtype))


@torch.library.impl(_library, "empty_strided", "Lazy")
def _empty_strided(size: Sequence[int], stride: Sequence[int], dtype: torch.dtype | None = None, **_: Any) -> Tensor:
    return ElsewhereTensor(torch.empty_strided(size, stride, dtype=dtype))


for _overload in ("arange", "arange.start", "arange.start_step"):

    @torch.library.impl(_library, _overload, "Lazy")
    def _arange(*numbers: float, dtype: torch.dtype | None = None, **_: Any) -> Tensor:
        return ElsewhereTensor(torch.arange(*numbers, dtype=dtype))


@torch.library.impl(_library, "_copy_from", "Lazy")
def _copy_from(source: Tensor, to: ElsewhereTensor, non_blocking: bool = False) -> Tensor:
    to.held.copy_(_held(source))
    return to
