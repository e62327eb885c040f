from rnnlab.tracking.journal import Journal, Point
from rnnlab.tracking.logger import BufferedMLFlowLogger
from rnnlab.tracking.store import open_store, tracking_uri

__all__ = ["BufferedMLFlowLogger", "Journal", "Point", "open_store", "tracking_uri"]
