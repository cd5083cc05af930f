"""The two HTTP sites."""
