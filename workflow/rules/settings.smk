"""Parameters of rules: the parts of the config that they depend on."""


def settings(*keys):
    """The part of the config that a rule depends on."""
    return {key: config[key] for key in keys}


def observable_settings(wildcards):
    return OBSERVABLES[wildcards.observable]


# Objectives that are functions of the user, by observable.
OWN_OBJECTIVES = {
    name: o["objective"]
    for name, o in OBSERVABLES.items()
    if ":" in o.get("objective", "")
}


@of_hypothesis
def title(signal, observable):
    """Title of figures: the observable, and the hypothesis if there are several."""
    return observable if len(SIGNALS) == 1 else f"{observable}, {signal}"


def own_objective(wildcards):
    """Folder and digest of the user's code that defines an observable's objective."""
    objective = OWN_OBJECTIVES.get(wildcards.observable)
    if objective is None:
        return {}
    path = source_file(objective, config["modules"])
    code = code_digest(path.absolute(), path.parent.absolute())
    return {"folder": str(path.parent), "code": code}


def contents_of(names):
    """Digests of the user's own files of some sets of events; none of generated events."""
    paths = [path for name in names for path in FILES.get(name, [])]
    return {path: CONTENTS[path] for path in paths if path in CONTENTS}


def contents_of_template(wildcards):
    return contents_of([wildcards.template])


@of_hypothesis
def contents_of_events(signal, observable):
    return contents_of(templates(config, signal, observable))


@of_hypothesis
def contents_of_histograms(signal, observable):
    """Also of an injected signal and of data, if these are counted."""
    names = [*templates(config, signal, observable), *injected(signal)]
    return contents_of(names + DATA if observed_files() else names)


def selection_settings():
    """Parameters of the rules that train or choose an observable."""
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
    """Detector settings that a variation of generated muons changes; none for the nominal sample."""
    sample, _, variation = wildcards.template.partition("__")
    name, _, side = variation.rpartition("_")
    found = [
        s[side]
        for s in config["systematics"]
        if variation and s["name"] == name and sample in affected(s)
    ]
    return found[0] if found else {}


def without_distributions(entry):
    """An entry of samples or systematics without what reading events does not need."""
    return {
        k: [] if k in ("up", "down") and isinstance(v, list) else v
        for k, v in entry.items()
        if k not in ("distribution", "parameters", "smoothing")
    }


def samples_and_systematics(signal, observable):
    """Those of a signal hypothesis and an observable."""
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
    """Settings of the statistical model of a hypothesis."""
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
    """Function of wildcards: how the events of a hypothesis are read, and the files of some sets."""

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
    """How events of the injected signal are read, and its files, if it is another hypothesis'."""
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
