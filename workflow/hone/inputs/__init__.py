"""Events as an analysis wants them: from ROOT files, by expressions, in regions and sets."""
