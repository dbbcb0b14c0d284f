"""The tests of geocity."""

import os

# `pytest -n` runs a process for each core; more threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
