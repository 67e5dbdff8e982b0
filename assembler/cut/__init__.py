"""The resolved programme in frames and samples, and how it is made from plan, takes and seams."""
