"""ICC profiles that pictures may come with, made by hand."""

from __future__ import annotations

import struct
import zlib

from PIL import ImageCms

Primary = tuple[float, float, float]


def _s15f16(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def swapped_profile() -> bytes:
    """An ICC profile like sRGB's, but whose red is blue and whose blue is red."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, blue = entries[b"rXYZ"], entries[b"bXYZ"]
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


def wide_profile() -> bytes:
    """An ICC profile with Adobe RGB's primaries and gamma, whose gamut is larger than sRGB's."""
    return rgb_profile((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457), 2.2)


def display_p3_profile() -> bytes:
    """An ICC profile with Display P3's primaries."""
    return rgb_profile((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407), 2.2)


def _profile(space: bytes, kind: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"made\0"
    tags = tags | {
        b"wtpt": b"XYZ \0\0\0\0" + b"".join(map(_s15f16, (0.9642, 1.0, 0.8249))),
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78),
        b"cprt": b"text\0\0\0\0none\0",
    }
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = start + len(body)
    head = struct.pack(
        ">I4sI4s4s4s12s4s4s", size, b"lcms", 0x02100000, kind, space, connection, bytes(12), b"acsp", b""
    )
    head += bytes(68 - len(head)) + b"".join(map(_s15f16, (0.9642, 1.0, 0.8249)))
    head += bytes(128 - len(head))
    return head + struct.pack(">I", len(tags)) + table + body


def gamma_curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))


def rgb_profile(red: Primary, green: Primary, blue: Primary, gamma: float) -> bytes:
    """An ICC profile of primaries, each XYZ under D50, and one gamma."""
    primaries = {b"rXYZ": red, b"gXYZ": green, b"bXYZ": blue}
    tags = {name: b"XYZ \0\0\0\0" + b"".join(map(_s15f16, xyz)) for name, xyz in primaries.items()}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), gamma_curve(gamma))
    return _profile(b"RGB ", b"mntr", b"XYZ ", tags)


def grey_profile(gamma: float) -> bytes:
    """An ICC profile of grey alone."""
    return _profile(b"GRAY", b"mntr", b"XYZ ", {b"kTRC": gamma_curve(gamma)})


def ink_profile() -> bytes:
    """An ICC profile of CMYK whose inks only darken: each full ink takes 20 from L* 100 and adds no hue."""
    corners = [100 - 20 * sum(((k >> i) & 1) for i in range(4)) for k in range(16)]
    table = b"".join(bytes((round(light * 2.55), 128, 128)) for light in corners)
    identity = b"".join(struct.pack(">i", 65536 * (i % 4 == 0)) for i in range(9))
    ramp = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + identity + ramp * 4 + table + ramp * 3
    return _profile(b"CMYK", b"prtr", b"Lab ", {b"A2B0": lut})


def png_chunk_of(profile: bytes) -> tuple[bytes, bytes]:
    """The kind and the data of a PNG's chunk with the profile."""
    return b"iCCP", b"p\0\0" + zlib.compress(profile)
