"""Training of an observable by stochastic gradient descent on any objective."""
