"""The answers of a model that does not exist, to patches of cities that do not either."""

import numpy as np


def made_up_answers(seed, *, cities=4, sites=3, images=2, patches=5, skill=1.5):
    """Make up answers to as many patches of every image.

    Returns:
        logits (patches, cities), and of each patch the true city, the image and the site.
    """
    rng = np.random.default_rng(seed)
    rows = [
        (c, (c * sites + s) * images + i, c * sites + s)
        for c in range(cities)
        for s in range(sites)
        for i in range(images)
        for _ in range(patches)
    ]
    truth, image, site = (np.array(column) for column in zip(*rows, strict=True))
    logits = rng.normal(size=(len(truth), cities)) + skill * np.eye(cities)[truth]
    return logits, truth, image, site
