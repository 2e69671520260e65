"""Figures, tables, the report and the publication."""
