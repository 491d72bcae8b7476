#!/bin/sh
# The whole family, in order: bundled_training/campaign.sh WORK_DIR [GPUS]. Started again, it goes on where it was killed.
set -eu
WORK=${1:?where to work} GPUS=${2:-1}
one() { python -m "bundled_training.train.$@" --work "$WORK"; }
all() { torchrun --standalone --nproc-per-node "$GPUS" -m "bundled_training.train.$@" --work "$WORK"; }

[ -d "$WORK/tokenizers/t5" ] || python -m bundled_training.tokenizers "$WORK/tokenizers"
one contrastive conditioner
one vae
one t5
one contrastive clip
one contrastive clip-grayscale
one upscale
all sd
one control
one depth
all pixel
python -m bundled_training.evaluate all --family "$WORK/family" --out "$WORK/measured"
