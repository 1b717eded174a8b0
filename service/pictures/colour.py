"""Colour transforms of pictures before and after the transfer (Gatys et al. 2017, section 5)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from service.pictures.images import Picture

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, the Y of the YIQ space that Gatys et al. use


def grey(picture: Picture) -> Picture:
    """Return a picture's luminance in all three channels, H x W x 3 uint8."""
    luminance = np.rint(picture @ LUMA).astype(np.uint8)
    return np.repeat(luminance[..., None], 3, axis=2)


def moments(picture: Picture) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the mean (3) and covariance (3 x 3) of a picture's colours, on the scale of [0, 255]."""
    pixels = picture.reshape(-1, 3).astype(np.float64)
    return pixels.mean(axis=0), np.cov(pixels, rowvar=False, bias=True)


def match(picture: Picture, mean: npt.NDArray[np.float64], covariance: npt.NDArray[np.float64]) -> Picture:
    """Move a picture's colours to the given mean and covariance (Gatys 2017, eq. 10, symmetric square root).

    x -> A (x - mean_x) + mean with A = C^1/2 C_x^-1/2, which gives the moved colours the covariance C.
    """
    own_mean, own_covariance = moments(picture)
    transform = _power(covariance, 0.5) @ _power(own_covariance, -0.5)
    moved = (picture.reshape(-1, 3) - own_mean) @ transform.T + mean
    return np.clip(np.rint(moved), 0, 255).astype(np.uint8).reshape(picture.shape)


def with_luminance(content: Picture, picture: Picture) -> Picture:
    """Return a picture's luminance over the content's chroma; both are H x W x 3 uint8.

    Each pixel's luminance is bounded so that its chroma is still a colour of the gamut (Gatys 2017, section 5.1).
    """
    chroma = content - (content @ LUMA)[..., None]
    lower, upper = -chroma.min(axis=2), 255 - chroma.max(axis=2)
    shown = np.clip(picture @ LUMA, lower, upper)[..., None] + chroma
    return np.asarray(np.rint(shown).clip(0, 255).astype(np.uint8))


def _power(covariance: npt.NDArray[np.float64], exponent: float) -> npt.NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 1.0)  # a flat picture has no spread to divide by: count one grey level
    return np.asarray((vectors * values**exponent) @ vectors.T)
