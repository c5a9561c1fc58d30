"""What Pants 2.17 alone needs."""
