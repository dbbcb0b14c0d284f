"""TorchGeo datasets and samplers over scenes, labels and chips."""
