"""The selected observables for use elsewhere: as ONNX, and as scores of one's own ntuples."""


# Separate targets, not part of `all`.
rule export:
    input:
        lambda _: FILES.of_observables("observable.onnx"),
        "<results>/config.yaml",


rule score:
    input:
        FILES.scores(),
        "<results>/config.yaml",


rule export_onnx:
    input:
        selected=SELECTED,
        models=NEEDS.all_networks("model.safetensors"),
    output:
        "<results>/{signal}/{observable}/observable.onnx",
    log:
        "<logs>/export_onnx/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/export_onnx/{signal}/{observable}.tsv"
    conda:
        "../../envs/cpu.yaml"
    params:
        name=ANALYSIS.analysis,
        config=digest(plain(ANALYSIS)),
        made_by=made_by("export_onnx", "onnx"),
    message:
        "Writing {wildcards.observable} for {wildcards.signal} as ONNX"
    script:
        "../scripts/export_onnx.py"


rule score_events:
    input:
        **NEEDS.scored(),
        selected=SELECTED,
    output:
        directory("<results>/{signal}/{observable}/scores/{template}"),
    log:
        "<logs>/score_events/{signal}/{observable}/{template}.log",
    benchmark:
        "<benchmarks>/score_events/{signal}/{observable}/{template}.tsv"
    wildcard_constraints:
        template=any_of(NEEDS.scorable),
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=2000, runtime=60),
    params:
        **NEEDS.scoring(),
        made_by=made_by("score_events"),
    message:
        "Scoring the events of {wildcards.template} by {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/score_events.py"
