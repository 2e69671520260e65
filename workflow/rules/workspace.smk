rule build_workspace:
    input:
        histograms=f"{RESULT}/histograms.root",
    output:
        workspace=f"{RESULT}/workspace.json",
        systematics=f"{RESULT}/systematics.csv",
    log:
        "<logs>/build_workspace/{signal}/{observable}/seed{seed}.log",
    benchmark:
        "<benchmarks>/build_workspace/{signal}/{observable}/seed{seed}.tsv"
    priority: FOR_LIMITS
    group:
        "limits"
    conda:
        "../../envs/cpu.yaml"
    params:
        analysis=NEEDS.part(parts.of_model),
        made_by=made_by("build_workspace"),
    message:
        "Writing the workspace of {wildcards.observable} for {wildcards.signal}, seed {wildcards.seed}"
    script:
        "../scripts/build_workspace.py"


# All hypotheses of an observable in the form that collaborations publish.
rule write_patchset:
    input:
        **NEEDS.selected("workspaces", "limits"),
    output:
        background="<results>/patchset/{observable}/background_only.json",
        patchset="<results>/patchset/{observable}/patchset.json",
    log:
        "<logs>/write_patchset/{observable}.log",
    benchmark:
        "<benchmarks>/write_patchset/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    params:
        name=ANALYSIS.analysis,
        parameters=ANALYSIS.points,
        made_by=made_by("write_patchset"),
    message:
        "Writing the patchset of {wildcards.observable}"
    script:
        "../scripts/write_patchset.py"
