rule fill_histograms:
    input:
        unpack(NEEDS.histogram_events()),
        models=NEEDS.models(),
        observed=NEEDS.observed(),
    output:
        f"{RESULT}/histograms.root",
    log:
        "<logs>/fill_histograms/{signal}/{observable}/seed{seed}.log",
    benchmark:
        "<benchmarks>/fill_histograms/{signal}/{observable}/seed{seed}.tsv"
    priority: FOR_LIMITS
    group:
        "limits"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=2000, runtime=20),
    params:
        **NEEDS.histograms(),
        made_by=made_by("fill_histograms"),
    message:
        "Filling histograms of {wildcards.observable} for {wildcards.signal}, seed {wildcards.seed}"
    script:
        "../scripts/fill_histograms.py"
