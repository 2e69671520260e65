"""Draw the profile likelihood, its contours, and toys against asymptotic formulae."""

from hone.reporting.figures import save
from hone.reporting.figures.likelihood import draw_contour, draw_profile, draw_toys
from hone.running.files import read_json
from hone.running.script import job

with job(snakemake):
    likelihood, output = read_json(snakemake.input[0]), snakemake.output
    shown = snakemake.params.title, snakemake.params.label
    save(draw_profile(likelihood, *shown), [output.profile_png, output.profile_pdf])
    save(draw_contour(likelihood, *shown), [output.contour_png, output.contour_pdf])
    save(draw_toys(likelihood, *shown), [output.toys_png, output.toys_pdf])
