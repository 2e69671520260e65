rule plot_training:
    input:
        histories=NEEDS.networks("history.csv"),
        tuned=TRIALS.chosen,
    output:
        **figures("{signal}/{observable}", "plot_training"),
    log:
        "<logs>/plot_training/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/plot_training/{signal}/{observable}.tsv"
    wildcard_constraints:
        observable=any_of(FILES.observables, but=FILES.tuned),
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    params:
        title=NEEDS.title(),
        made_by=made_by("plot_training"),
    message:
        "Drawing the training of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_training.py"


# Those of which settings are searched have a figure more.
use rule plot_training as plot_tuned with:
    output:
        **figures("{signal}/{observable}", "plot_training", "plot_tuned"),
    wildcard_constraints:
        observable=any_of(FILES.tuned),


rule plot_trained:
    input:
        unpack(NEEDS.events("training", "validation", "evaluation")),
        selected=SELECTED,
        models=NEEDS.networks("model.safetensors"),
        snapshots=NEEDS.networks("snapshots.safetensors"),
        histories=NEEDS.networks("history.csv"),
        gradient="<results>/{signal}/{observable}/gradient.json",
    output:
        **figures("{signal}/{observable}", "plot_trained"),
        animation=shown("animation", "<figures>/{signal}/{observable}/training.gif"),
        overtraining="<results>/{signal}/{observable}/overtraining.json",
    log:
        "<logs>/plot_trained/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/plot_trained/{signal}/{observable}.tsv"
    wildcard_constraints:
        observable=any_of(ANALYSIS.of_kind(Trained)),
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=2000, runtime=20),
    params:
        **NEEDS.reading(parts.of_training, "training", "validation", "evaluation"),
        title=NEEDS.title(),
        made_by=made_by("plot_trained"),
    message:
        "Drawing what {wildcards.observable} for {wildcards.signal} has learned"
    script:
        "../scripts/plot_trained.py"


rule plot_plane:
    input:
        unpack(NEEDS.events("evaluation")),
        selected=SELECTED,
        models=NEEDS.networks("model.safetensors"),
        importance="<results>/{signal}/{observable}/importance.json",
    output:
        **figures("{signal}/{observable}", "plot_plane"),
    log:
        "<logs>/plot_plane/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/plot_plane/{signal}/{observable}.tsv"
    wildcard_constraints:
        observable=any_of(FILES.observables, but=FILES.two_dimensional),
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    params:
        **NEEDS.reading(parts.of_reading, "evaluation"),
        title=NEEDS.title(),
        made_by=made_by("plot_plane"),
    message:
        "Drawing the features of {wildcards.observable}, and it against them, for {wildcards.signal}"
    script:
        "../scripts/plot_plane.py"


# Those in bins of two outputs have a figure more.
use rule plot_plane as plot_outputs with:
    output:
        **figures("{signal}/{observable}", "plot_plane", "plot_outputs"),
    wildcard_constraints:
        observable=any_of(FILES.two_dimensional),


rule plot_histograms:
    input:
        **NEEDS.selected("histograms"),
    output:
        **figures("{signal}/{observable}", "plot_histograms"),
    log:
        "<logs>/plot_histograms/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/plot_histograms/{signal}/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    params:
        analysis=NEEDS.part(parts.of_model),
        blind=ANALYSIS.is_blind,
        title=NEEDS.title(),
        label=ANALYSIS.label,
        binned=NEEDS.binned(),
        made_by=made_by("plot_histograms"),
    message:
        "Drawing the histograms of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_histograms.py"
