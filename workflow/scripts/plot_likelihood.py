"""Draw the profile likelihood, its contours, and toys against asymptotic formulae."""

from hone.figures import save
from hone.figures.likelihood import draw_contour, draw_profile, draw_toys
from hone.files import read_json
from hone.script import job

with job(snakemake):
    likelihood, output = read_json(snakemake.input[0]), snakemake.output
    name = snakemake.params.title
    save(draw_profile(likelihood, name), [output.profile_png, output.profile_pdf])
    save(draw_contour(likelihood, name), [output.contour_png, output.contour_pdf])
    save(draw_toys(likelihood, name), [output.toys_png, output.toys_pdf])
