rule fill_histograms:
    input:
        model=f"{RESULT}/model.safetensors",
        evaluation=event_files("evaluation"),
        observed="results/{analysis}/events/observed/data.root",
    output:
        f"{RESULT}/histograms.root",
    log:
        "results/{analysis}/logs/fill_histograms/{signal}__{observable}__seed{seed}.log",
    benchmark:
        "results/{analysis}/benchmarks/fill_histograms/{signal}__{observable}__seed{seed}.tsv"
    conda:
        "../../envs/cpu.yaml"
    params:
        made_by=made_by("fill_histograms"),
    message:
        "Filling histograms of {wildcards.observable} for {wildcards.signal}, seed {wildcards.seed}"
    script:
        "../scripts/fill_histograms.py"
