"""The experiments of types: who gets which variant of what they are told, and what is found of that.

`deciding.drawing` says what falls to whom, `wording` puts it into what is said, `planning` writes down who takes part
before it is stored. `marks` hears what they do, `book` settles what is over; `taking_part` connects all of it
while a type has an experiment, and takes it away when none has. What is concluded is `gateway.experiments`',
what is kept is `storage.trials`'. The experiments of campaigns have rows of their own
(`gateway.notify.campaigns.trial`).
"""
