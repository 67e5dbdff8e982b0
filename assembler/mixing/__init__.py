"""Programme sound: every clip's sound, voice, music and effects become one mix at its loudness."""
