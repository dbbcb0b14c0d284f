import pytest

from geocity.core.classes import ClassTable, LandClass


def test_a_table_survives_json():
    table = ClassTable.named(["background", "slum", "île verte"])
    assert ClassTable.from_json(table.to_json()) == table


@pytest.mark.parametrize("text", ["", "[]", "[1]", '{"value": 1}', '[{"value": 300, "name": "x"}]'])
def test_what_is_no_table_is_refused(text):
    with pytest.raises(ValueError, match="class|colour"):
        ClassTable.from_json(text)


def test_values_must_be_unique():
    with pytest.raises(ValueError, match="unique"):
        ClassTable.of([LandClass(1, "a", (0, 0, 0)), LandClass(1, "b", (0, 0, 0))])


def test_nodata_is_no_class():
    with pytest.raises(ValueError, match="0 and 254"):
        LandClass(255, "x", (0, 0, 0))


def test_many_classes_have_different_colours():
    table = ClassTable.named([str(i) for i in range(12)])
    assert len({c.color for c in table}) == 12


def test_lookup_by_name_ignores_case():
    assert ClassTable.named(["background", "Slum"]).by_name("slum").value == 1
    with pytest.raises(KeyError):
        ClassTable.named(["background"]).by_name("slum")
