"""A trained model's answers to sequences of the user's own: from Python a piece at a time, or from file to file."""

from rnnlab.prediction.predictor import Predictor, load_predictor
from rnnlab.prediction.stream import Prediction, PredictionStream

__all__ = ["Prediction", "PredictionStream", "Predictor", "load_predictor"]
