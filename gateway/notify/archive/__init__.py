"""The archive: what retention would delete is put away first, as files, and read and put back from there.

`writing` puts away, as housekeeping asks; `reading` does what the command line asks; neither deletes a file.
`lines` and `files` are the format (docs/archive.md), `sealing` keeps what is of one user readable for only as
long as the user's key is there. A `depot` is where the files lie: in a `folder` or a `bucket`, as `places`
reads it from a URL and `opening` opens it. The keys, and which notifications are on their way, are
`storage.archive`'s.
"""
