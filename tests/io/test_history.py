"""What was done to a raster travels in its tags."""

from geocity.io.history import HISTORY_TAG, history, with_step


def test_steps_add_up_and_other_tags_pass_through():
    tags = {"GEOCITY_MODEL": "slums", "AREA_OR_POINT": "Area", "TIFFTAG_SOFTWARE": "other 1.0"}
    once = with_step(tags, "filtered")
    twice = with_step(once, "cleaned")
    assert history(twice) == ["filtered", "cleaned"]
    assert twice == {"GEOCITY_MODEL": "slums", HISTORY_TAG: "filtered\ncleaned"}


def test_a_raster_without_history_has_none():
    assert history({}) == []
