"""Clips that people make: job sheets that ask for them, and an inbox where they are recognised."""
