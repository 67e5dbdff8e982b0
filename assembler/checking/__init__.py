"""QC: a finished file measured, and compared with the programme that it should be."""
