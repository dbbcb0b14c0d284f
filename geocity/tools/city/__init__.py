"""City identification: the jobs of ``geocity city``, one a file."""
