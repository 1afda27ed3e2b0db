"""Reports of runs: `report.html` of a run, and the comparison of several.

Reads the files of a run folder and draws; trains, loads and evaluates nothing, and imports no
torch. A picture is drawn once, for the page and as PNG. Only `runs` and `cli` import this room.
"""
