"""The gates of the one decision (`decision`), a module each: the facts, how they are found, and the rule.

Each module has the same parts, by the shape in `gate`: a `RULE`, which is its name in all that is stored; `judge`, which is pure;
`wants` and `in_use`, which say when it is asked at all; `gather`, which may ask the store and answers one
fact for each case, in order, None where there is none; and `GATE`, which holds them together. A gate without
a fact lets the case pass. Modules know no other gate, with two exceptions: `throttle` sends what is too much
into the digest's, and `digest` gathers what `quiet` has held.
"""
