"""The selected observables for use elsewhere, as ONNX."""


# A separate target, not part of `all`.
rule export:
    input:
        FILES.of_observables("observable.onnx"),
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
    resources:
        **growing(mem_mb=1000, runtime=10),
    params:
        name=ANALYSIS.analysis,
        config=digest(plain(ANALYSIS)),
        made_by=made_by("export_onnx", "onnx"),
    message:
        "Writing {wildcards.observable} for {wildcards.signal} as ONNX"
    script:
        "../scripts/export_onnx.py"
