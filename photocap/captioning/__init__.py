"""Captioning: the network, its device, its files and its vocabulary."""
