"""How often Python looks for garbage in circles."""

import atexit
import gc

_NEW = 20_000


def look_rarely() -> None:
    """Once in 20,000 new objects, through all of them once in 100 of these times at most, and not once more at the end.

    By Python's own setting, 700, it goes through all there is many times while a large SDK loads and a program runs,
    which took 40 % of the program's time; and again when it ends, 2.3 s of a preview's 9.7 s (docs/performance.md),
    for memory that the system takes back anyway. For processes that run programs or serve the engine.
    """
    gc.set_threshold(_NEW)
    atexit.register(gc.freeze)
