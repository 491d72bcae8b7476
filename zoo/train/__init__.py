"""One small file for each network of the family: `python -m zoo.train.NAME`, or torchrun for several GPUs."""
