"""Clicks: who has followed a link of a notification, in the app or in a mail, and what that changes."""
