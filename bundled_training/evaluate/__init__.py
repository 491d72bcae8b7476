"""How good is a family of bundled models? A small file for each measurement.

`python -m bundled_training.evaluate NAME --family DIR` runs one.
"""
