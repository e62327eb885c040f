"""Metrics of which a value may be a lower bound, as the first lag at which something has faded.

Such a metric has another beside it, whose name ends in CENSORED: 1 where the true value is larger,
else 0. Both are numbers, as MLflow wants them; a report shows 50 with 1 beside it as `> 50`.
"""

CENSORED = "_censored"
