"""Who may call: the keys that tokens are verified with, and the API keys of services."""
