"""One small file for each network of the family: `python -m bundled_training.train.NAME`, or torchrun for several GPUs."""
