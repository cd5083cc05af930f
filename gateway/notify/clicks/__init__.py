"""Clicks: who has followed a link of a notification, in the app or in a mail, and what that changes.

`tracking` says which mails have tracked links, as they are made; `book` takes what is followed; `judging`
tells people from programs; `mails` finds what a mail told; `news` is what others are told. Tokens and links
are made in `mailer.clicks`, hits are kept in `storage.clicks`.
"""
