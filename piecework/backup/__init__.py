"""Copies of a coordinator's database and content, and the way back."""
