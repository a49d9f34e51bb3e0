"""Zstandard (RFC 8878) as the standard library has it from Python 3.14 on, and a package for those before."""

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZstdError = zstd.ZstdError


def compress(data: bytes, level: int, *, checked: bool = False) -> bytes:
    """One frame, with a checksum where one is asked for. A `level` up to 3 is quick, 12 is for what is made once."""
    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: level,
        zstd.CompressionParameter.checksum_flag: int(checked),
    }
    return zstd.compress(data, options=options)


def decompress(data: bytes | memoryview) -> bytes:
    """What was compressed. Raises ZstdError where it is damaged, or cut."""
    return zstd.decompress(data)
