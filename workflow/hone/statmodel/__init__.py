"""From histograms to the statistical model: the fitted workspace, and the model in training."""
