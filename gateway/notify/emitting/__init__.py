"""Emitting: from a request to what is stored of it: notifications, and the mail that they owe.

`planning` makes what would be stored, by `owing` and `showing`, which have each channel judged; `emitter` stores and
delivers it. `scheduling` accepts what is to be emitted later, and `schedule_running` emits that; `preview` shows what
an emit would do, and does nothing.
"""
