"""Measure the models: `python -m bundled_training.evaluate NAME --family DIR`."""
