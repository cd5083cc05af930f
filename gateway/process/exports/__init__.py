"""Where an export of events goes: lines of JSON, files of Parquet, or a table of PostgreSQL.

All keep the Protocol `Sink` of `rows`. Each is imported only when it is asked for: two of them need an extra.
"""
