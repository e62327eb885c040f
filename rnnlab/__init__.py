"""How far back can a recurrent cell remember, and can gradient descent teach it to?"""

__version__ = "0.2.0"
