"""What people read: figures, tables, the report, the publication."""
