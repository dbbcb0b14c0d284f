"""How often patches of two cities are taken for each other."""

import numpy as np
from numpy.typing import NDArray


def mutual_confusion(
    named: NDArray[np.integer], city: NDArray[np.integer], outputs: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return the mean share of the patches of two cities that is taken for the other one.

    Args:
        named: (n,), the output of the network that each patch was given.
        city: (n,), the true city of each.
        outputs: (cities,), the output that stands for each city; -1 where there is none.

    Returns:
        (cities, cities), symmetric; NaN where the network has no output for one of the two. On the
        diagonal, the share that was named right.
    """
    shares = np.full((len(outputs), len(outputs)), np.nan)
    known = np.flatnonzero(outputs >= 0)
    for one in known:
        answers = named[city == one]
        for other in known:
            shares[one, other] = (answers == outputs[other]).mean()
    return np.asarray((shares + shares.T) / 2)
