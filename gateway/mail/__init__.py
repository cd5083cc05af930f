"""Mail as a part of a process: its settings, and the worker with all that it needs.

Making and sending is of `mailer`, what is owed of `storage`. Here the two are put together by the settings,
for `gateway.process`.
"""
