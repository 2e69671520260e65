"""Which parts of the config rules depend on: their parameters."""


def settings(*keys):
    """The part of the config that a rule depends on."""
    return {key: config[key] for key in keys}


def observable_settings(wildcards):
    return OBSERVABLES[wildcards.observable]


# Of observables with an objective in a file of the user's.
OWN_OBJECTIVES = {
    name: o["objective"]
    for name, o in OBSERVABLES.items()
    if ":" in o.get("objective", "")
}


@of_hypothesis
def title(signal, observable):
    """What figures are of: with several hypotheses, of one of them."""
    return observable if len(SIGNALS) == 1 else f"{observable}, {signal}"


def own_objective(wildcards):
    """Folder and digest of the user's code that an observable's objective comes from."""
    objective = OWN_OBJECTIVES.get(wildcards.observable)
    if objective is None:
        return {}
    path = source_file(objective, config["modules"])
    code = code_digest(path.absolute(), path.parent.absolute())
    return {"folder": str(path.parent), "code": code}


def contents_of(names):
    """Digests of the user's own files with the events of some sets; none of what is generated."""
    paths = [path for name in names for path in FILES.get(name, [])]
    return {path: CONTENTS[path] for path in paths if path in CONTENTS}


def contents_of_template(wildcards):
    return contents_of([wildcards.template])


@of_hypothesis
def contents_of_events(signal, observable):
    return contents_of(templates(config, signal, observable))


@of_hypothesis
def contents_of_histograms(signal, observable):
    """As well of an injected signal and of data, where these are counted."""
    names = [*templates(config, signal, observable), *injected(signal)]
    return contents_of(names + DATA if observed_files() else names)


def selection_settings():
    """What the rules that make an observable depend on."""
    return {
        "observable": observable_settings,
        "own_objective": own_objective if OWN_OBJECTIVES else {},
        "model": model_settings,
        "events": event_settings("training", "validation"),
        "contents": contents_of_events,
        "sizes": config["events"],
        "features": config["features"],
        "level": config["limits"]["level"],
    }


def template_settings(wildcards):
    """The sample and the systematic that a set of generated events depends on."""
    sample, _, variation = wildcards.template.partition("__")
    systematic = variation.rpartition("_")[0]
    return {
        "seed": config["seed"],
        "events": config["events"],
        "samples": [
            {k: v for k, v in s.items() if k != "parameters"}
            for s in config["samples"]
            if s["name"] == sample
        ],
        "systematics": [
            {k: v for k, v in s.items() if k != "smoothing"}
            for s in config["systematics"]
            if s["name"] == systematic and sample in affected(s)
        ],
    }


def sample_of(wildcards):
    """Settings of the sample that a template belongs to."""
    name = wildcards.template.partition("__")[0]
    return next(s for s in config["samples"] if s["name"] == name)


def muon_variation(wildcards):
    """What a variation of generated muons changes: nothing for the sample itself."""
    sample, _, variation = wildcards.template.partition("__")
    name, _, side = variation.rpartition("_")
    found = [
        s[side]
        for s in config["systematics"]
        if variation and s["name"] == name and sample in affected(s)
    ]
    return found[0] if found else {}


def without_distributions(entry):
    """An entry of samples or systematics without what does not matter to the reading of events."""
    return {
        k: [] if k in ("up", "down") and isinstance(v, list) else v
        for k, v in entry.items()
        if k not in ("distribution", "parameters", "smoothing")
    }


def samples_and_systematics(signal, observable):
    """Those of one signal hypothesis, and of an observable."""
    others = [s for s in SIGNALS if s != signal] + DATA
    samples = [s for s in config["samples"] if s["name"] not in others]
    names = {s["name"] for s in samples}
    return samples, [
        {**s, "sample": [name for name in affected(s) if name in names]}
        for s in systematics_of(config, observable)
        if names & set(affected(s))
    ]


@of_hypothesis
def model_settings(signal, observable):
    """What makes histograms a statistical model, for the signal hypothesis at hand."""
    samples, systematics = samples_and_systematics(signal, observable)
    kept = ("name", "process", "yield")
    return {
        "samples": [{k: s[k] for k in kept if k in s} for s in samples],
        "systematics": [
            {
                k: v
                for k, v in s.items()
                if k not in ("up", "down", "smoothing") or s["type"] == "normsys"
            }
            for s in systematics
        ],
        "normfactors": config["normfactors"],
        "regions": config["regions"],
        "staterror": config["workspace"]["staterror"],
    }


@cache
def event_settings(*events_sets):
    """Function of wildcards: how events are read for a hypothesis, and the files of some sets."""

    @of_hypothesis
    def found(signal, observable):
        return {
            "inputs": reading(*samples_and_systematics(signal, observable)),
            "files": {name: files_of(name, signal, observable) for name in events_sets},
        }

    return found


def survey_settings(wildcards):
    """How the files of one set of events are read, with their nominal weight."""
    sample, _, variation = wildcards.template.partition("__")
    name = variation.rpartition("_")[0]
    return reading(
        [sample_of(wildcards)],
        [
            s
            for s in config["systematics"]
            if s["name"] == name and sample in affected(s)
        ],
    )


def weight_settings(wildcards):
    """How the weights of a sample's events are read."""
    sample = wildcards.template
    return reading(
        [sample_of(wildcards)],
        [s for s in config["systematics"] if sample in affected(s)],
    )


@of_hypothesis
def event_sets(signal, observable):
    """Names of the sets of events that a hypothesis and an observable need."""
    return templates(config, signal, observable)


@of_hypothesis
def event_sets_scaled(signal, observable):
    """Those of the sets that are scaled to their sample's yield."""
    return scaled_to_yield(config, signal, observable)


@of_hypothesis
def injected_settings(signal, _):
    """How events of the injected signal are read, and its files, where it is another hypothesis'."""
    names = injected(signal)
    samples = [s for s in config["samples"] if s["name"] in names]
    return {"inputs": reading(samples, []), "files": {n: FILES[n] for n in names}}


def reading(samples, systematics):
    found = {
        "samples": [without_distributions(s) for s in samples],
        "systematics": [
            without_distributions(s)
            for s in systematics
            if s["type"] in ("histosys", "shapesys")
        ],
        "regions": config["regions"],
        "split": config["split"],
    }
    if "luminosity" in config:
        found["luminosity"] = config["luminosity"]
    return found
