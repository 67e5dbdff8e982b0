"""The programme for other programs, and back: plain text from a cut, a cut from plain text."""
