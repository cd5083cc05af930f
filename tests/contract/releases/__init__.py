"""Stores as an earlier release left them, and what it answered about them: `upgrading.py` puts them back."""
