"""What may be chosen about a demo; light enough for the command line to import."""

HALVES = ("slums", "cities")
"""What `geocity demo --only` can be told."""
