"""The measurements: Bellhop beside its rivals (`make bench`), and how fast it keeps what is emitted (`make bench-emit`)."""
