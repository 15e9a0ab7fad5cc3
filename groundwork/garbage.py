"""How often Python looks for garbage in circles."""

import gc

_NEW = 20_000


def look_rarely() -> None:
    """Once in 20,000 new objects, and through all of them once in 100 of these times at most.

    By Python's own setting, 700, it goes through all there is many times while a large SDK loads and a program runs,
    which took 40 % of the program's time (docs/performance.md). For processes that run programs or serve the engine.
    """
    gc.set_threshold(_NEW)
