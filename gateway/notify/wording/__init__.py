"""Wording: what is said. A request is filled in from the catalog, in the languages of its readers.

`scribe` makes a request whole, `said` remembers the words that types have for data, and `languages` knows who reads
which. It goes by the catalog and says nothing of whether anything is sent.
"""
