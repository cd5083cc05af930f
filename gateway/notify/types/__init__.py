"""Types: what operators see of the types of notifications.

`states` tells what holds for each and takes what is switched; `tally` counts what became of them, `versions` knows which catalog each
node runs, and `preview` shows what a reader would get. Nothing on the path of an emit asks here.
"""
