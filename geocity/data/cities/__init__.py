"""City identification: patches for networks."""
