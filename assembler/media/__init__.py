"""The only door to ffmpeg, PyAV and what is inside files."""
