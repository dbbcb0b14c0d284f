"""Embeddings without their length: what the angle between two of them goes by."""

import numpy as np
from numpy.typing import NDArray


def directions(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return vectors of length 1 (zero vectors stay zero), (n, dimensions)."""
    values = np.asarray(vectors, np.float64)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    scaled = np.divide(values, lengths, out=np.zeros_like(values), where=lengths > 0)
    return np.asarray(scaled, np.float64)
