"""Links become takes through providers."""
