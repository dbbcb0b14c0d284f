import pytest

from geocity.core.slum_classes import choose_slum_class


@pytest.mark.parametrize(
    ("classes", "wanted", "expected"),
    [
        ({0: "background", 1: "slum"}, None, 1),
        ({0: "background", 3: "dense"}, None, 3),
        ({1: "built-up", 6: "Informal_Settlement"}, None, 6),
        ({0: "a", 1: "b", 2: "c"}, "C", 2),
        ({0: "a", 1: "b", 2: "c"}, "1", 1),
    ],
)
def test_the_class_that_means_slum(classes, wanted, expected):
    assert choose_slum_class(classes, wanted) == expected


def test_what_is_not_clear_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"1 \(roads\), 2 \(water\), and none"):
        choose_slum_class({1: "roads", 2: "water"})
    with pytest.raises(ValueError, match="no class 'slum', only"):
        choose_slum_class({1: "roads"}, "slum")
