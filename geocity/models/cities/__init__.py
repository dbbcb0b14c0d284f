"""City identification: networks, training, inference, explanations."""
