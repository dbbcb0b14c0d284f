"""Files that analysts have and that break other programs, all of them made in code."""
