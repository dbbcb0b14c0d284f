import numpy as np
import pytest

from geocity.core.cities import cue_audit
from geocity.core.cities.cue_audit import CueResult, DateResult, kept_share, seen_dates
from geocity.core.cities.cues import blurred, colour_statistics, grey, in_colours_of, shuffled
from geocity.core.cities.scores import Figure


@pytest.fixture
def picture():
    return np.random.default_rng(0).uniform(0, 255, (3, 34, 42)).astype(np.float32)


def test_grey_has_no_colour_and_keeps_brightness(picture):
    result = grey(picture)
    assert (result[0] == result[1]).all()
    assert (result[0] == result[2]).all()
    np.testing.assert_allclose(
        result[0], 0.299 * picture[0] + 0.587 * picture[1] + 0.114 * picture[2], rtol=1e-5
    )
    np.testing.assert_allclose(grey(np.full((3, 4, 4), 77.0)), 77, rtol=1e-6)


def test_blur_keeps_colour_and_takes_detail(picture):
    result = blurred(picture.repeat(8, axis=1).repeat(8, axis=2))
    assert result.std() < picture.std()
    np.testing.assert_allclose(result.mean(axis=(1, 2)), picture.mean(axis=(1, 2)), rtol=0.02)


def test_shuffling_moves_tiles_and_nothing_else(picture):
    result = shuffled(picture, np.random.default_rng(1))
    assert not np.array_equal(result, picture)
    inside = (slice(None), slice(0, 32), slice(0, 40))
    np.testing.assert_array_equal(np.sort(result[inside].ravel()), np.sort(picture[inside].ravel()))
    np.testing.assert_array_equal(result[:, 32:], picture[:, 32:])
    tiles = {
        picture[:, r : r + 8, c : c + 10].tobytes()
        for r in range(0, 32, 8)
        for c in range(0, 40, 10)
    }
    for row in range(0, 32, 8):
        for col in range(0, 40, 10):
            assert result[:, row : row + 8, col : col + 10].tobytes() in tiles


def test_a_picture_too_small_to_shuffle_stays(picture):
    np.testing.assert_array_equal(
        shuffled(picture[:, :3], np.random.default_rng(0)), picture[:, :3]
    )


def test_colours_are_those_of_the_donor():
    rng = np.random.default_rng(2)
    picture, donor = rng.normal(120, 10, (3, 30, 30)), rng.normal(100, 20, (3, 20, 25))
    result = in_colours_of(picture, colour_statistics(donor))
    np.testing.assert_allclose(result.mean(axis=(1, 2)), donor.mean(axis=(1, 2)), rtol=1e-3)
    np.testing.assert_allclose(result.std(axis=(1, 2)), donor.std(axis=(1, 2)), rtol=1e-3)
    flat = in_colours_of(np.full((3, 5, 5), 9.0), colour_statistics(donor))
    assert np.isfinite(flat).all()


def figure(value):
    return Figure(value, None)


def results(**accuracy):
    return [CueResult(cue, figure(a), kept_share(a, 0.9, 5)) for cue, a in accuracy.items()]


def verdict(plain, results, dates):
    return cue_audit.verdict(figure(plain), results, dates, cities=5)


def test_skill_is_counted_above_chance():
    assert kept_share(0.2, 0.9, 5) == 0
    assert kept_share(0.9, 0.9, 5) == 1
    assert kept_share(0.3, 0.2, 5) is None


def test_a_colour_reader_is_told_so():
    text = verdict(0.9, results(grey=0.3, colours=0.25, blur=0.85, shuffle=0.88), None)
    assert text.startswith("Mostly the weather: ")
    assert "(25% right)" in text
    assert text.endswith(
        "shuffled 88% of patches are named right, blurred 85%: neither the plan nor "
        "fine detail alone makes the difference."
    )


def test_a_form_reader_is_told_so():
    text = verdict(0.9, results(grey=0.88, colours=0.87, blur=0.6, shuffle=0.4), None)
    assert text.startswith("Not the weather: ")
    assert text.endswith("named right, blurred 60%: both the plan and fine detail matter.")
    text = verdict(0.9, results(grey=0.88, colours=0.6, blur=0.85, shuffle=0.4), None)
    assert text.startswith("Partly colour: ")
    assert text.endswith("the plan matters more than fine detail.")
    text = verdict(0.9, results(grey=0.88, colours=0.6, blur=0.4, shuffle=0.85), None)
    assert text.endswith("roofs and trees matters more than the plan.")


def test_no_skill_is_not_explained():
    text = verdict(0.2, [CueResult("grey", figure(0.2), None)], None)
    assert text.startswith(
        "The model is right for 20% of patches, which cannot be told from chance"
    )
    wide = Figure(0.4, (0.18, 0.6))
    text = cue_audit.verdict(wide, results(grey=0.8, colours=0.8), None, cities=5)
    assert "cannot be told from chance (20%)" in text


def test_colour_that_is_not_the_weather_is_told_too():
    text = verdict(0.9, results(grey=0.4, colours=0.88, blur=0.6, shuffle=0.4), None)
    assert "It looks at colour: without any 40% are right." in text


def test_what_cannot_reach_the_model_is_no_merit():
    kept = results(grey=0.88, colours=0.9, blur=0.6, shuffle=0.4)
    text = cue_audit.verdict(figure(0.9), kept, None, cities=5, standardised=True)
    assert "hardly changes (90% right). That is by construction" in text


def test_dates_are_spoken_of():
    dates = DateResult(figure(0.95), figure(0.41), 10, 12)
    text = verdict(0.9, results(grey=0.8, colours=0.6, blur=0.6, shuffle=0.6), dates)
    assert text.endswith("On another date 41% are right, on a known one 95%.")
    only = DateResult(figure(0.95), None, 10, 0)
    assert "another date was not tested" in verdict(0.9, [], only)


def test_dates_of_training_are_those_of_the_same_city():
    cities, dates = [0, 0, 1, 1, 2], ["a", "b", "b", None, "c"]
    told = seen_dates(np.array([0, 1, 2, 3, 4, 0]), cities, dates, np.array([0, 2]))
    assert told.tolist() == [1, 0, 1, -1, -1, 1]
