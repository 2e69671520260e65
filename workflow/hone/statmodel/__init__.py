"""Histograms to a statistical model: the one that is fitted, and the one that training fills."""
