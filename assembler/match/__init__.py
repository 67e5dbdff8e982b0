"""Seams: how two clips that continue each other are joined. Arrays in, decisions out."""
