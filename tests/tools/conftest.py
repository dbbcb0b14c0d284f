import pytest

from geocity.io.figures import style


@pytest.fixture(autouse=True, scope="module")
def coarse_figures():
    """Draw with fewer pixels: what figures look like is tested in tests/io/figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "DPI", 50)
        yield
