"""What will be done, before anything is done or paid."""
