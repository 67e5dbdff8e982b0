"""Walks a timeline through the stages; only this package and the command line know them all."""
