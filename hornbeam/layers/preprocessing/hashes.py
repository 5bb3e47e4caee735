"""Two hash functions of bytes: FarmHash64, which is fast, and SipHash-2-4, which takes a secret key."""

from __future__ import annotations

import struct
from collections.abc import Sequence

_MASK = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def _word(s: bytes, at: int) -> int:
    return int.from_bytes(s[at : at + 8], "little")


def _half(s: bytes, at: int) -> int:
    return int.from_bytes(s[at : at + 4], "little")


def _rotated(x: int, by: int) -> int:
    x &= _MASK
    return ((x >> by) | (x << (64 - by))) & _MASK


def _mixed(x: int) -> int:
    x &= _MASK
    return x ^ (x >> 47)


def _joined(u: int, v: int, mul: int) -> int:
    a = _mixed(((u ^ v) & _MASK) * mul)
    b = _mixed((((v & _MASK) ^ a) & _MASK) * mul)
    return (b * mul) & _MASK


def _short(s: bytes) -> int:
    n = len(s)
    mul = _K2 + n * 2
    if n >= 8:
        a, b = _word(s, 0) + _K2, _word(s, n - 8)
        return _joined(_rotated(b, 37) * mul + a, (_rotated(a, 25) + b) * mul, mul)
    if n >= 4:
        return _joined(n + (_half(s, 0) << 3), _half(s, n - 4), mul)
    if n:
        y, z = s[0] + (s[n >> 1] << 8), n + (s[-1] << 2)
        return (_mixed((y * _K2) ^ (z * _K0)) * _K2) & _MASK
    return _K2


def _medium(s: bytes) -> int:
    n = len(s)
    mul = _K2 + n * 2
    a = _word(s, 0) * (_K1 if n <= 32 else _K2)
    b, c, d = _word(s, 8), _word(s, n - 8) * mul, _word(s, n - 16) * _K2
    y = _rotated(a + b, 43) + _rotated(c, 30) + d
    z = _joined(y, a + _rotated(b + _K2, 18) + c, mul)
    if n <= 32:
        return z
    e, f = _word(s, 16) * mul, _word(s, 24)
    g, h = (y + _word(s, n - 32)) * mul, (z + _word(s, n - 24)) * mul
    return _joined(_rotated(e + f, 43) + _rotated(g, 30) + h, e + _rotated(f + a, 18) + g, mul)


def _weak(s: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    w, x, y, z = (_word(s, at + i) for i in (0, 8, 16, 24))
    a += w
    b = _rotated(b + a + z, 21)
    c = a
    a += x + y
    return (a + z) & _MASK, (b + _rotated(a, 44) + c) & _MASK


def farmhash64(s: bytes) -> int:
    """FarmHash64 of `s` (https://github.com/google/farmhash), the same on every machine.

    >>> farmhash64(b"")
    11160318154034397263
    """
    n = len(s)
    if n <= 16:
        return _short(s)
    if n <= 64:
        return _medium(s)
    x, y = 81, (81 * _K1 + 113) & _MASK
    z = (_mixed(y * _K2 + 113) * _K2) & _MASK
    v, w = (0, 0), (0, 0)
    x = (x * _K2 + _word(s, 0)) & _MASK
    end = (n - 1) // 64 * 64
    for at in range(0, end, 64):
        x, y, z, v, w = _round(s, at, x, y, z, v, w, _K1, 1)
    mul = _K1 + ((z & 0xFF) << 1)
    first = w[0] + ((n - 1) & 63)
    v = (v[0] + first, v[1])
    w = (first + v[0], w[1])
    x, y, z, v, w = _round(s, n - 64, x, y, z, v, w, mul, 9)
    return _joined(
        _joined(v[0], w[0], mul) + _mixed(y) * _K0 + z, _joined(v[1], w[1], mul) + x, mul
    )


def _round(
    s: bytes,
    at: int,
    x: int,
    y: int,
    z: int,
    v: tuple[int, int],
    w: tuple[int, int],
    mul: int,
    factor: int,
) -> tuple[int, int, int, tuple[int, int], tuple[int, int]]:
    x = (_rotated(x + y + v[0] + _word(s, at + 8), 37) * mul) & _MASK
    y = (_rotated(y + v[1] + _word(s, at + 48), 42) * mul) & _MASK
    x ^= (w[1] * factor) & _MASK
    y = (y + v[0] * factor + _word(s, at + 40)) & _MASK
    z = (_rotated(z + w[0], 33) * mul) & _MASK
    new_v = _weak(s, at, v[1] * mul, x + w[0])
    new_w = _weak(s, at + 32, z + w[1], y + _word(s, at + 16))
    return z, y, x, new_v, new_w


def _sip_round(v: list[int]) -> None:
    v[0] = (v[0] + v[1]) & _MASK
    v[2] = (v[2] + v[3]) & _MASK
    v[1] = _rotated(v[1], 51) ^ v[0]
    v[3] = _rotated(v[3], 48) ^ v[2]
    v[0] = (_rotated(v[0], 32) + v[3]) & _MASK
    v[2] = (v[2] + v[1]) & _MASK
    v[3] = _rotated(v[3], 43) ^ v[0]
    v[1] = _rotated(v[1], 47) ^ v[2]
    v[2] = _rotated(v[2], 32)


def siphash(s: bytes, key: Sequence[int]) -> int:
    """SipHash-2-4 of `s` with a key of two 64-bit ints (https://www.aumasson.jp/siphash/siphash.pdf).

    >>> siphash(b"", (0x0706050403020100, 0x0F0E0D0C0B0A0908)) == 0x726FDB47DD0E0E31
    True
    """
    k0, k1 = (int(k) & _MASK for k in key)
    v = [
        k0 ^ 0x736F6D6570736575,
        k1 ^ 0x646F72616E646F6D,
        k0 ^ 0x6C7967656E657261,
        k1 ^ 0x7465646279746573,
    ]
    padded = s + b"\0" * (7 - len(s) % 8) + bytes([len(s) & 0xFF])
    for (word,) in struct.iter_unpack("<Q", padded):
        v[3] ^= word
        _sip_round(v)
        _sip_round(v)
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(4):
        _sip_round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


CROSSING_KEY = 0xDECAFCAFFE
"""What the hash of a crossing starts from, in TensorFlow and so in Keras."""
_MULTIPLIER = 0xC6A4A7935BD1E995


def crossed(fingerprints: Sequence[int], key: int = CROSSING_KEY) -> int:
    """One 64-bit hash of several, in their order, by the mixing of MurmurHash64.

    >>> hex(crossed([1, 2])) != hex(crossed([2, 1]))
    True
    """
    result = key
    for fingerprint in fingerprints:
        result ^= _MULTIPLIER
        result ^= _mixed((fingerprint & _MASK) * _MULTIPLIER) * _MULTIPLIER & _MASK
        result = _mixed(result * _MULTIPLIER) * _MULTIPLIER & _MASK
        result = _mixed(result)
    return result
