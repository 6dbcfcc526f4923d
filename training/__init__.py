"""A minimal trainer: `torchrun training/train.py`. Needs torch, numpy, safetensors, PyYAML and `sharding`."""
