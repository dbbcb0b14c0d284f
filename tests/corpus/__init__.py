"""Files that analysts have and that break other programs, all of them made in code.

Readers are tested with every file, commands with those that differ in kind; with
GEOCITY_WHOLE_CORPUS=1 in the environment commands get every file as well.
"""
