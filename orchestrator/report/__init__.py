"""What people and programs read. Nothing here computes."""
