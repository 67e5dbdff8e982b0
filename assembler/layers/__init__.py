"""Titles, captions and what they are made of: short files with transparency over the programme."""
