"""The archive: what retention would delete is put away first, as files, and read and put back from there."""
