"""How good is a family of bundled models? A small file for each measurement: `python -m zoo.evaluate NAME --family DIR`."""
