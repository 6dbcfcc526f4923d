"""Files mapped into memory, read-only, without a descriptor: any number of files can be mapped at once.

`mmap.mmap` and `np.memmap` keep a descriptor for each mapping (until Python 3.13, always), so that a process that may
open 1,024 files reads a few hundred shards. The kernel needs none once a file is mapped. Numpy and the standard
library only.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.mmap.restype = ctypes.c_void_p
_LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_LIBC.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_FAILED = ctypes.c_void_p(-1).value


class Mapping:
    """A whole file, mapped for random access: the kernel reads single pages, and not 128 kB for each row.

    path: of the file; size: its bytes. The bytes stay mapped as long as an array of them exists, also if the file is
    removed or another one takes its place. Raises OSError, with the path.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._address = 0
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            self.size = status.st_size
            self._identity = status.st_dev, status.st_ino
            if self.size:  # an empty file can't be mapped
                address = _LIBC.mmap(None, self.size, mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), 0)
                if address == _FAILED:
                    code = ctypes.get_errno()
                    raise OSError(code, os.strerror(code), str(path))
                self._address = address
        self._advise(0, self.size, mmap.MADV_RANDOM)

    def __del__(self, munmap: Any = _LIBC.munmap) -> None:
        if self._address:
            munmap(self._address, self.size)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {"version": 3, "typestr": "|u1", "shape": (self.size,), "data": (self._address, True)}

    def array(self, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return the file as an array of records, read-only. Raises ValueError if its size is not a multiple."""
        return np.asarray(self).view(dtype)

    def will_need(self, start: int, stop: int) -> None:
        """Advise the kernel to read bytes ahead."""
        start -= start % mmap.PAGESIZE
        self._advise(start, stop - start, mmap.MADV_WILLNEED)

    def is_of(self, file: BinaryIO) -> bool:
        """Return True if an open file is the one that is mapped."""
        status = os.fstat(file.fileno())
        return (status.st_dev, status.st_ino) == self._identity

    def _advise(self, start: int, length: int, advice: int) -> None:
        if length > 0:
            _LIBC.madvise(self._address + start, length, advice)  # advice: what it returns does not matter
