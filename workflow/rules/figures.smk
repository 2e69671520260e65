# Only where there is a baseline.
GAIN_FIGURES = {}
if BASELINE:
    GAIN_FIGURES["gain_png"] = report(
        "<results>/figures/{signal}__gain.png",
        caption="../report/gain.rst",
        category="Results",
        labels={"figure": "gain", "signal": "{signal}", "observable": "all"},
    )
    GAIN_FIGURES["gain_pdf"] = "<results>/figures/{signal}__gain.pdf"


rule plot_training:
    input:
        histories=all_seeds("history.csv"),
    output:
        training_png=report(
            f"{FIGURE}training.png",
            caption="../report/training.rst",
            category="Training",
            labels={
                "figure": "training",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        edges_png=report(
            f"{FIGURE}edges.png",
            caption="../report/edges.rst",
            category="Training",
            labels={
                "figure": "edges",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        training_pdf=f"{FIGURE}training.pdf",
        edges_pdf=f"{FIGURE}edges.pdf",
    log:
        "<logs>/plot_training/{signal}__{observable}.log",
    benchmark:
        "<benchmarks>/plot_training/{signal}__{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        title=title,
        made_by=made_by("plot_training"),
    message:
        "Drawing the training of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_training.py"


rule animate_training:
    input:
        unpack(events_of("validation")),
        selected="<results>/{signal}/{observable}/selected.json",
        models=all_seeds("model.safetensors"),
        snapshots=all_seeds("snapshots.safetensors"),
        histories=all_seeds("history.csv"),
    output:
        report(
            f"{FIGURE}training.gif",
            caption="../report/animation.rst",
            category="Training",
            labels={
                "figure": "animation",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
    log:
        "<logs>/animate_training/{signal}__{observable}.log",
    benchmark:
        "<benchmarks>/animate_training/{signal}__{observable}.tsv"
    wildcard_constraints:
        observable=any_of(TRAINED),
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        model=model_settings,
        events=event_settings("validation"),
        sizes=config["events"],
        title=title,
        made_by=made_by("animate_training"),
    message:
        "Animating the training of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/animate_training.py"


rule plot_plane:
    input:
        unpack(events_of("evaluation")),
        selected="<results>/{signal}/{observable}/selected.json",
        models=all_seeds("model.safetensors"),
        importance="<results>/{signal}/{observable}/importance.json",
    output:
        plane_png=report(
            f"{FIGURE}plane.png",
            caption="../report/plane.rst",
            category="Observables",
            labels={
                "figure": "plane",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        importance_png=report(
            f"{FIGURE}importance.png",
            caption="../report/importance.rst",
            category="Observables",
            labels={
                "figure": "importance",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        plane_pdf=f"{FIGURE}plane.pdf",
        importance_pdf=f"{FIGURE}importance.pdf",
    log:
        "<logs>/plot_plane/{signal}__{observable}.log",
    benchmark:
        "<benchmarks>/plot_plane/{signal}__{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        events=event_settings("evaluation"),
        title=title,
        made_by=made_by("plot_plane"),
    message:
        "Drawing the features of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_plane.py"


rule plot_histograms:
    input:
        selected="<results>/{signal}/{observable}/selected.json",
        histograms=all_seeds("histograms.root"),
    output:
        templates_png=report(
            f"{FIGURE}templates.png",
            caption="../report/templates.rst",
            category="Observables",
            labels={
                "figure": "templates",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        soft_hard_png=report(
            f"{FIGURE}soft_hard.png",
            caption="../report/soft_hard.rst",
            category="Observables",
            labels={
                "figure": "soft and hard",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        systematics_png=report(
            f"{FIGURE}systematics.png",
            caption="../report/systematics.rst",
            category="Observables",
            labels={
                "figure": "systematics",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        templates_pdf=f"{FIGURE}templates.pdf",
        soft_hard_pdf=f"{FIGURE}soft_hard.pdf",
        systematics_pdf=f"{FIGURE}systematics.pdf",
    log:
        "<logs>/plot_histograms/{signal}__{observable}.log",
    benchmark:
        "<benchmarks>/plot_histograms/{signal}__{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        model=model_settings,
        histograms=config["workspace"]["histograms"],
        postprocessing=POSTPROCESSING,
        blind=BLIND,
        title=title,
        made_by=made_by("plot_histograms"),
    message:
        "Drawing the histograms of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_histograms.py"


rule plot_cls_scan:
    input:
        selected="<results>/{signal}/{observable}/selected.json",
        limits=all_seeds("limits.json"),
    output:
        png=report(
            f"{FIGURE}cls_scan.png",
            caption="../report/cls_scan.rst",
            category="Limits",
            labels={
                "figure": "cls scan",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        pdf=f"{FIGURE}cls_scan.pdf",
    log:
        "<logs>/plot_cls_scan/{signal}__{observable}.log",
    benchmark:
        "<benchmarks>/plot_cls_scan/{signal}__{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        title=title,
        made_by=made_by("plot_cls_scan"),
    message:
        "Drawing the CLs scan of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_cls_scan.py"


rule plot_comparison:
    input:
        comparison="<results>/comparison.csv",
        table="<results>/table.csv",
        floor="<results>/{signal}/floor.json" if HAS_FLOOR else [],
    output:
        **GAIN_FIGURES,
        png=report(
            "<results>/figures/{signal}__comparison.png",
            caption="../report/comparison.rst",
            category="Results",
            labels={"figure": "comparison", "signal": "{signal}", "observable": "all"},
        ),
        pdf="<results>/figures/{signal}__comparison.pdf",
    log:
        "<logs>/plot_comparison/{signal}.log",
    benchmark:
        "<benchmarks>/plot_comparison/{signal}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        gain=bool(GAIN_FIGURES),
        made_by=made_by("plot_comparison"),
    message:
        "Drawing the comparison of observables for {wildcards.signal}"
    script:
        "../scripts/plot_comparison.py"


rule plot_study:
    input:
        comparison="<results>/comparison.csv",
        floor="<results>/{signal}/floor.json" if HAS_FLOOR else [],
    output:
        png=report(
            "<results>/figures/{signal}__study_{study}.png",
            caption="../report/study.rst",
            category="Results",
            labels={
                "figure": "study {study}",
                "signal": "{signal}",
                "observable": "several",
            },
        ),
        pdf="<results>/figures/{signal}__study_{study}.pdf",
    log:
        "<logs>/plot_study/{signal}__{study}.log",
    benchmark:
        "<benchmarks>/plot_study/{signal}__{study}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        study=lambda wildcards: STUDIES[wildcards.study],
        observables=lambda wildcards: [
            OBSERVABLES[name] for name in STUDIES[wildcards.study]["observables"]
        ],
        made_by=made_by("plot_study"),
    message:
        "Drawing the study {wildcards.study} for {wildcards.signal}"
    script:
        "../scripts/plot_study.py"


rule plot_limits:
    input:
        selected=of_all_signals("selected.json"),
        limits=of_all_seeds_and_signals("limits.json"),
    output:
        png=report(
            "<results>/figures/{observable}__limits.png",
            caption="../report/limits.rst",
            category="Results",
            labels={
                "figure": "limits",
                "signal": "all",
                "observable": "{observable}",
            },
        ),
        pdf="<results>/figures/{observable}__limits.pdf",
    log:
        "<logs>/plot_limits/{observable}.log",
    benchmark:
        "<benchmarks>/plot_limits/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        parameter=PARAMETER,
        values={s: p.get(PARAMETER) for s, p in PARAMETERS.items()},
        made_by=made_by("plot_limits"),
    message:
        "Drawing the limits of {wildcards.observable}"
    script:
        "../scripts/plot_limits.py"


rule plot_exclusion:
    input:
        selected=of_all_signals("selected.json"),
        limits=of_all_seeds_and_signals("limits.json"),
    output:
        png=report(
            "<results>/figures/{observable}__exclusion.png",
            caption="../report/exclusion.rst",
            category="Results",
            labels={
                "figure": "exclusion",
                "signal": "all",
                "observable": "{observable}",
            },
        ),
        pdf="<results>/figures/{observable}__exclusion.pdf",
    log:
        "<logs>/plot_exclusion/{observable}.log",
    benchmark:
        "<benchmarks>/plot_exclusion/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        plane=PLANE,
        values=PARAMETERS,
        made_by=made_by("plot_exclusion"),
    message:
        "Drawing what {wildcards.observable} excludes"
    script:
        "../scripts/plot_exclusion.py"
