import datetime

import numpy as np
import pandas as pd

from geocity.core.cities.acquisitions import cities_of_one_acquisition, other_date

SPRING, AUTUMN = datetime.date(2019, 5, 1), datetime.date(2021, 9, 1)
IMAGES = pd.DataFrame(
    {
        "city": [0, 0, 1, 1, 2, 2, 3, 3],
        "date": [SPRING, AUTUMN, SPRING, SPRING, None, None, SPRING, AUTUMN],
        "broken": [False] * 7 + [True],
    }
)


def test_cities_whose_images_share_a_date_or_have_none():
    assert cities_of_one_acquisition(IMAGES, ["a", "b", "c", "d"]) == ["b", "c", "d"]


def test_a_date_that_training_did_not_see_of_that_city():
    trained = np.array([0, 2, 4])
    asked = np.arange(8)
    # City 0 was seen in spring alone; nothing is known of the dates of city 2, nor of city 3.
    assert other_date(IMAGES, trained, asked).tolist() == [False, True] + [False] * 6
    assert other_date(IMAGES, trained, np.array([], int)).tolist() == []
