import pytest

from geocity.core.scene_fit import bands_to_read

RGB = ("Red", "Green", "Blue")


@pytest.mark.parametrize(
    ("scene", "wanted", "positions"),
    [
        (("Blue", "green", "RED"), RGB, (2, 1, 0)),
        (("Blue", "Green", "Red", "NIR"), ("NIR", "Red"), (3, 2)),
        (("Band 1", "Band 2", "Band 3"), RGB, (0, 1, 2)),
        (RGB, ("Gray", "Band 2", "Band 3"), (0, 1, 2)),
        ((*RGB, "Band 4"), (*RGB, "NIR"), (0, 1, 2, 3)),
        (("Band 1", "Band 2"), RGB, None),
        (("B4", "B3", "B2"), RGB, None),
        # One band without a name does not make the names of the others worthless.
        (("Blue", "Green", "Red", "Band 4"), (*RGB, "NIR"), None),
        # Nor can names that are all the same say anything about an order.
        (("reflectance",) * 3, ("reflectance",) * 3, (0, 1, 2)),
        (("reflectance",) * 3, ("reflectance",) * 2, None),
    ],
)
def test_bands_are_found_by_name_or_by_position_and_never_against_a_name(scene, wanted, positions):
    assert bands_to_read(scene, wanted) == positions
