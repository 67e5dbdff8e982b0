"""A cut becomes a finished file."""
