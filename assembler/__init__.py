"""Post-production assembler and local stitching engine for films made of generated clips."""

__version__ = "0.1.0"
