"""Experiments: which of several ways to say a thing does better, and how sure one may be of that.

Pure: nothing here has a clock, a store or a catalog. `lots` says what falls to whom, `inference` what figures
allow to conclude, `findings` applies that to the arms of an experiment, `results` says what follows for those
who are not on trial. `bounds` are the limits. Campaigns and types both use it, and keep their rows
themselves.
"""
