"""Choosing while looking: the report served on loopback, and the timeline changed from it."""
