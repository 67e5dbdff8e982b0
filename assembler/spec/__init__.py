"""What the author wrote: timelines and presets, read with positions and checked."""
