"""Sources of batches and the classic data sets."""
