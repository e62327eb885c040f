"""What a store answers page by page, to its end: a server may name a next page for ever."""

from collections.abc import Callable
from typing import TypeVar

from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking import GET_METRIC_HISTORY_MAX_RESULTS

T = TypeVar("T")

MOST_PAGES = 1000
"""Of one answer: 25 million points of a metric, which no run has."""


def all_of(what: str, page_after: Callable[[str | None], PagedList[T]]) -> list[T]:
    """All that the pages hold.

    Args:
        what: They hold, in words.
        page_after: Asks for the page with this token; None: the first.

    Raises:
        MlflowException: If there is no end to them, and as the store fails.
    """
    found: list[T] = []
    token = None
    for _ in range(MOST_PAGES):
        page = page_after(token)
        found += page
        token = page.token
        if not token:
            return found
    raise MlflowException(f"the store does not come to an end of {what}: {MOST_PAGES} pages so far")


def metric_history(client: MlflowClient, run_id: str, key: str) -> list[Metric]:
    """All points of a metric of a run: MLflow's own call asks on and on.

    Raises:
        MlflowException: As `all_of` does.
    """
    ask = client._tracking_client.store.get_metric_history
    return all_of(
        f"the points of {key}",
        lambda token: ask(
            run_id=run_id,
            metric_key=key,
            max_results=GET_METRIC_HISTORY_MAX_RESULTS,
            page_token=token,
        ),
    )
