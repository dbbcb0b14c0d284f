"""Ground floor: arrays, geometry, numbers. Opens no file and never imports torch."""
