"""What was made, for people to look at: the report page and the seam reel."""
