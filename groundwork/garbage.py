"""How often Python looks for garbage in circles."""

import gc

_YOUNG = 20_000
_OLD = 20


def look_rarely() -> None:
    """Once in 20,000 new objects, and through all of them once in 400 of these times.

    By Python's own setting (700, 10, 10) it goes through all there is many times while a large SDK loads and a program
    runs, which took 40 % of the program's time (docs/performance.md). For processes that live for one operation.
    """
    gc.set_threshold(_YOUNG, _OLD, _OLD)
