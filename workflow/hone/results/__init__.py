"""The numbers of a workspace, and what they are worth."""
