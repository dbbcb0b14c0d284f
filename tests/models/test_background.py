"""Threads that work ahead: in order, bounded, and gone when the block ends."""

import itertools
import threading
import time

import pytest

from geocity.models.background import Background


def test_items_come_in_order_through_several_threads():
    names = set()

    def double(items):
        for item in items:
            names.add(threading.current_thread().name)
            yield 2 * item

    with Background() as background:
        first = background.ahead((n for n in range(50)), depth=3)
        second = background.ahead(double(first), depth=1)
        assert list(second) == [2 * n for n in range(50)]
    assert names != {threading.current_thread().name}


def test_it_runs_ahead_but_not_far():
    made = []

    def count():
        for number in itertools.count():
            made.append(number)
            yield number

    with Background() as background:
        items = background.ahead(count(), depth=2)
        assert next(items) == 0
        time.sleep(0.3)
        assert 2 <= len(made) <= 5


def test_errors_come_out_where_items_are_used():
    def fail():
        yield 1
        raise OSError("gone")

    with Background() as background:
        through = background.ahead((n for n in background.ahead(fail(), depth=2)), depth=2)
        assert next(through) == 1
        with pytest.raises(OSError, match="gone"):
            next(through)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
def test_leaving_stops_and_closes_everything(kind):
    closed = threading.Event()

    def forever():
        try:
            yield from itertools.count()
        finally:
            closed.set()

    before = threading.active_count()
    started = time.monotonic()
    with pytest.raises(kind), Background() as background:
        items = background.ahead((n for n in background.ahead(forever(), depth=2)), depth=2)
        next(items)
        raise kind
    assert closed.wait(1)
    assert time.monotonic() - started < 2
    assert threading.active_count() == before
