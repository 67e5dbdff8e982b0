"""Platforms that make clips: one file each, named in `generation.PROVIDERS`."""
