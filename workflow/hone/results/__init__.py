"""The results of a workspace, and their uncertainties."""
