"""What knows neither torch's networks nor Hydra nor MLflow: checks, statistics, files, locks, signals, streams."""
