#!/bin/sh
# The whole family, in order: zoo/campaign.sh WORK_DIR [GPUS]. Started again, it goes on where it was killed.
set -eu
WORK=${1:?where to work} GPUS=${2:-1}
one() { python -m "zoo.train.$@" --work "$WORK"; }
all() { torchrun --standalone --nproc-per-node "$GPUS" -m "zoo.train.$@" --work "$WORK"; }

[ -d "$WORK/tokenizers/t5" ] || python -m zoo.tokenizers "$WORK/tokenizers"
one contrastive conditioner
one vae
one t5
one contrastive judge
one contrastive judge-shape
one upscale
all sd
one control
all pixel
python -m zoo.evaluate all --family "$WORK/family" --out "$WORK/measured"
