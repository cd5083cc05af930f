"""Campaigns: one thing for many people, each of whom is decided for and accounted for."""
