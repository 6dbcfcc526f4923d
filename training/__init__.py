"""A minimal trainer: `torchrun training/train.py`. It needs torch, numpy, safetensors, PyYAML and `sharding`."""
