"""Python's collector of garbage, which start-up does better without.

Imports and the composing of configs leave next to no garbage; looking for it among all that they
make, again and again, takes a third of their time. What is there when the work begins stays to the
end, so that no collection looks at it again.
"""

import gc


def pause() -> None:
    """At the start of a process."""
    if gc.get_freeze_count() == 0:  # else it has begun to work before
        gc.disable()


def resume() -> None:
    """Where its work begins."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
