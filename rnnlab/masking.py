"""Passwords stay out of what runs record and print."""

import re


def masked(text: str) -> str:
    """The text without the password of any URI in it: `http://me:***@host`."""
    return re.sub(r"(://[^:/@\s]*):[^/\s]*@", r"\1:***@", text)
