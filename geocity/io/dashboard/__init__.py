"""The slum tracker: one HTML file that opens from disk, with map, figures and tables inside."""
