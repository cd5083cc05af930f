"""Who may call: the keys that tokens are verified with, and the API keys of services.

`auth` verifies; here its keys come from the settings and from where they are published.
"""
