"""Captures with known truth in; how near each method's avatar comes to the person, out.

benchmark_avatar.py `python -m backend benchmark avatar` and `compare`
cases.py            which captures: the quick set and the full one
stage_runs.py       the pipeline's stages, run once a case, with their seconds and memory
methods.py          the ways to a base colour that are compared
ablations.py        the product without one part or another
ceilings.py         what a texture that lost nothing of the frames would show
scored_views.py     what the own frames show, and where the truth and the fitted head agree
measures.py         PSNR, SSIM, leak, gradients: what two images have in common
scores.py           a texture's scores in views and in the atlas
relit.py            the head under rooms that no stage saw, beside the true one
evaluator.py        a capture's methods, each run and scored
sheet.py            a case's pictures: filmed, recovered, truth, error, relit
results.py          rows in a file that an interrupted run goes on with
table.py            rows as a Markdown table, and their summary against targets
compare.py          two files of rows: which differences are more than chance
unchanged.py        two avatars of one clip: which arrays and images differ
"""
