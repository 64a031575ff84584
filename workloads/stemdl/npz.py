"""Reads npz files some times faster than numpy: each in one read, without copying uncompressed arrays.

stemdl comes as 187,000 small files, and numpy takes longer to parse each of them than a copy takes.
"""

from __future__ import annotations

import functools
import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOCAL_HEADER = 30
NAME_LENGTHS = struct.Struct("<26xHH")
"""Place of an entry's name length and extra length in its local header."""


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an npz file by key, read-only if they were not compressed. Checksums are compared.

    Raises OSError, ValueError or BadZipFile for a file that is damaged or holds objects.
    """
    content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {
            info.filename.removesuffix(".npy"): _array(content, archive, info)
            for info in archive.infolist()
            if info.filename.endswith(".npy")
        }


def _array(content: bytes, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    if info.compress_type != zipfile.ZIP_STORED:
        return np.lib.format.read_array(io.BytesIO(archive.read(info)), allow_pickle=False)
    header = content[info.header_offset : info.header_offset + LOCAL_HEADER]
    if len(header) < LOCAL_HEADER or not header.startswith(b"PK\3\4"):
        raise zipfile.BadZipFile(f"entry '{info.filename}' is not where the directory says")
    start = info.header_offset + LOCAL_HEADER + sum(NAME_LENGTHS.unpack(header))
    view = memoryview(content)[start : start + info.file_size]
    if len(view) != info.file_size or zlib.crc32(view) != info.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file '{info.filename}'")
    # numpy writes a magic string, a version, the header's length and a header padded to 64 bytes.
    length = 10 + int.from_bytes(view[8:10], "little")
    shape, fortran, dtype = _header(bytes(view[:length]))
    array = np.frombuffer(view, dtype, count=int(np.prod(shape)), offset=length)
    return array.reshape(shape, order="F" if fortran else "C")


@functools.lru_cache
def _header(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    stream = io.BytesIO(header)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array's header is not of version 1.0")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded")
    return shape, fortran, dtype
