"""The tests, room by room."""

import os

# Before anything computes: processes that test side by side are quicker with a core each.
os.environ.setdefault("OMP_NUM_THREADS", "1")
