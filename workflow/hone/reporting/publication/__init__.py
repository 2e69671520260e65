"""What is published: tables of HEPData, likelihoods, numbers for a paper, one archive of all."""
