"""What happens before the first job and after the last."""

import atexit

from hone.running.around_runs import Run, plan_faster

plan_faster()
RUN = Run(workflow, ANALYSIS.folder)
if MAIN:
    RUN.look_at_what_is_there()
    RUN.import_ahead(
        *(
            workflow.source_path(f"../scripts/{name}.py")
            for name in ("simulate_events", "compute_floor", "train_observable")
        )
    )
# After Snakemake's own lines; for plans, too, and where there is nothing to be done.
atexit.register(lambda: print(RUN.last_words(), end="", file=sys.stderr))


onstart:
    RUN.begin(PLAN, CONTENTS)


onsuccess:
    RUN.end(well=True)


onerror:
    RUN.end(well=False)
