"""`make demo`: boots a cluster, plays the acts, writes the report; exits with 0 only if every act ended as it must."""

import argparse
import asyncio
import shutil
import sys
import time

from demo import report
from demo.acts import HOST, NAME, RATE, RELEASES, DemoError, DemoStage, first_model, play, production_rows
from demo.load import Load, Tally
from demo.platform import ROOT, apply, install, model_deployment
from demo.view import LiveView
from demo.watch import Watch
from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError

_CLUSTER = "demo"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the cluster up at the end")
    keep = parser.parse_args().keep
    began = time.monotonic()
    cluster: Cluster | None = None
    try:
        cluster = Cluster.up(_CLUSTER, print)
        acts, total = asyncio.run(_demo(cluster))
    except (DemoError, LocalClusterError, TimeoutError) as error:
        print(f"make demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("make demo: stopped", file=sys.stderr)
        return 130
    finally:
        if cluster is not None and not keep:
            cluster.down()
    folder = ROOT / "demo-report"
    seconds = time.monotonic() - began
    report.write(folder, acts, seconds)
    for act in acts:
        print(f"{'ok ' if act.ok else 'BAD'} {act.title}: {act.outcome} after {act.seconds:.0f} s; {act.reason}")
        for words in act.wrong:
            print(f"    {words}")
    print(f"{total.sent:,} requests, {total.failed_by_rollout} lost by the rollouts, {seconds:.0f} s in all")
    print(f"report: {folder / 'index.html'}")
    if keep:
        _what_next(cluster)
    if total.failed_by_rollout or not total.whole:
        print(f"BAD between the acts too: {'; '.join(total.details) or f'{total.open} requests without an end'}")
    return 0 if all(act.ok for act in acts) and total.whole and not total.failed_by_rollout else 1


async def _demo(cluster: Cluster) -> tuple[list[report.Act], Tally]:
    """The acts, and the count of every request of the demo, in an act or between two."""
    with LiveView() as view:
        view.say("Installing Timoneiro by its Helm chart")
        await asyncio.to_thread(install, cluster)
        await asyncio.to_thread(apply, cluster, model_deployment(NAME, host=HOST))
        url = f"{cluster.gateway}/v1/models/{NAME}:predict"
        load = Load(url=url, host=HOST, rows=production_rows(), rate=RATE)
        watch = Watch(str(cluster.kubeconfig), "default", NAME, view.look)
        runs = ROOT / ".local" / "demo-runs"
        shutil.rmtree(runs, ignore_errors=True)
        stage = DemoStage(cluster=cluster, view=view, watch=watch, load=load, runs=runs)
        watch.start()
        try:
            acts = [await first_model(stage)]
            load.start()
            view.attach(load)
            for release in RELEASES:
                acts.append(await play(stage, release))
        finally:
            total = await load.stop()
            await watch.stop()
        return acts, total


def _what_next(cluster: Cluster | None) -> None:
    if cluster is None:
        return
    print(f"""
The cluster is still up. To look around:
  export KUBECONFIG={cluster.kubeconfig}
  kubectl get modeldeployments -o wide
  kubectl describe modeldeployment {NAME}
  kubectl get events --field-selector involvedObject.kind=ModelDeployment
  kubectl get inferenceservices,httproutes,pods
  curl -H 'Host: {HOST}' {cluster.gateway}/v1/models/{NAME}
To end it:
  make cluster-down NAME={_CLUSTER}""")


if __name__ == "__main__":
    sys.exit(main())
