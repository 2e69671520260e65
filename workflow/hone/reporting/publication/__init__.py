"""Publication: HEPData tables, likelihoods, numbers for a paper, one archive of everything."""
