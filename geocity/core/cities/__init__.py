"""City identification: numbers about patches, cities and what they have in common."""
