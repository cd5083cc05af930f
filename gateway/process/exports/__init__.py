"""Where an export of events goes: lines of JSON, files of Parquet, or a table of PostgreSQL."""
