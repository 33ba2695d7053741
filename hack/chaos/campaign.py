"""Plays rounds on a cluster until the time is over, and judges what the observer has seen."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chaos import invariants
from chaos.faults import FAULTS
from chaos.processes import processes
from chaos.record import CampaignRecord, PlayedRound
from chaos.releases import RELEASES, Release, verdict
from chaos.schedule import Round
from chaos.stage import ChaosStage, Missed, Stuck
from chaos.traffic import FaultWindow, excuse, in_words, lost, unexcused
from localcluster.errors import LocalClusterError
from support.versions import Seen

_END_SECONDS = 180.0
_REST_SECONDS = 90.0
Say = Callable[[str], None]


class Campaign:
    """One run. `say` hears of every round."""

    def __init__(self, stage: ChaosStage, *, seed: int, say: Say) -> None:
        self._stage, self._say = stage, say
        self._record = CampaignRecord(seed=seed, date=datetime.now(UTC).strftime("%Y-%m-%d"))
        # What kills requests, and when the status was safe again.
        self._killing: list[tuple[FaultWindow, float]] = []
        self._editing: list[FaultWindow] = []
        self._began = 0.0
        self._counters: dict[tuple[str, str], int] = {}

    def run(self, rounds: Iterable[Round], *, seconds: float) -> CampaignRecord:
        """Begins rounds for `seconds`, ends the last one, and looks at everything that was seen."""
        began = self._began = time.monotonic()
        self._count_calls()
        self._record.calls.clear()
        try:
            for round_ in rounds:
                if time.monotonic() - began >= seconds:
                    break
                self._play(round_)
                self._count_calls()
        finally:
            self._stage.close()
        self._record.seconds = round(time.monotonic() - began)
        self._judge()
        return self._record

    def _play(self, round_: Round) -> None:
        release, fault = RELEASES[round_.release], FAULTS[round_.fault]
        began = fault_began = fault_ended = time.monotonic()
        missed, version, end, reason = False, "", "", ""
        try:
            self._stage.configure(release.rollout, fault.source)
            version = release.publish(self._stage)
            if round_.moment == "in a step" and release.name != "never loads":
                self._stage.in_step(version)
            time.sleep(round_.delay)
            fault_began = time.monotonic()
            try:
                with fault.happen(self._stage, round_):
                    if fault.lasts:
                        time.sleep(round_.seconds)
            except Missed:
                missed = True
            fault_ended = time.monotonic()
            release.steer(self._stage, version)
            entry = self._stage.wait(
                f"the end of version {version}", lambda: self._ended(version), seconds=_END_SECONDS
            )
            end, reason = entry["outcome"], entry["reason"]
            right = end in fault.may_end and not missed
            judged = "right" if right else verdict(release, end)
            self._stage.wait("rest", self._at_rest, seconds=_REST_SECONDS)
        except (Stuck, LocalClusterError) as error:
            end, reason, judged = end or "stuck", str(error), "wrong"
        safe = None if missed or end == "stuck" else self._safe(release, version, fault_began, fault_ended)
        if fault.kills_requests and not missed:
            # It may take longer to be back than the rollout to end.
            self._killing.append((FaultWindow(fault.name, fault_began, fault_ended), fault_ended + (safe or 0.0)))
        if fault.edits_route and not missed:
            self._editing.append(FaultWindow(fault.name, fault_began, fault_ended))
        played = PlayedRound(
            number=round_.number,
            release=release.name,
            fault=fault.name,
            moment=round_.moment,
            end=end,
            reason=reason,
            verdict=judged,
            seconds=round(time.monotonic() - began, 1),
            began=round(began - self._began, 1),
            fault_began=round(fault_began - self._began, 1),
            fault_ended=round(fault_ended - self._began, 1),
            safe_seconds=None if safe is None else round(safe, 1),
            missed=missed,
        )
        self._record.rounds.append(played)
        if judged == "wrong":
            self._record.violations.append(
                f"round {played.number}, {release.name}, {fault.name} {round_.moment}: {end}: {reason}"
            )
        self._say(
            f"{played.number:3} {release.name:18} {fault.name:38} {'missed' if missed else end:12} {judged:8} "
            f"{played.seconds:5.0f} s  safe {played.safe_seconds}  {reason[:90]}"
        )

    def keep(self, folder: Path) -> None:
        """Writes down all that the observer has seen, for whoever looks for the cause of a violation."""
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "seen.jsonl").open("w") as file:
            for seen in self._history():
                moment = round(seen.at - self._began, 3)
                line = {"at": moment, "version": seen.version, "kind": seen.kind, "gone": seen.gone, "body": seen.body}
                file.write(json.dumps(line) + "\n")
        with (folder / "lost.jsonl").open("w") as file:
            for request in lost(self._stage.load.records):
                moments = [round(moment - self._began, 3) for moment in (request.sent, request.ended)]
                file.write(json.dumps([*moments, request.detail]) + "\n")

    def _ended(self, version: str) -> dict[str, Any] | None:
        """How the rollout of `version` has ended for good: what is wanted is not on its way any more."""
        body = self._stage.cluster.get("modeldeployment", self._stage.bench.name)
        status = body.get("status") or {}
        history = status.get("history") or []
        settled = status.get("observedGeneration") == body["metadata"]["generation"] and not status.get("candidate")
        wanted = next((e for e in reversed(history) if e.get("version") == version), None)
        return wanted if settled else None

    def _at_rest(self) -> bool:
        body = self._stage.cluster.get("modeldeployment", self._stage.bench.name)
        status = body.get("status") or {}
        return status.get("phase") in ("Healthy", "RolledBack") and status["traffic"]["accepted"]

    def _history(self) -> list[Seen]:
        return self._stage.bench.outside.ordered()

    def _safe(self, release: Release, version: str, began: float, ended: float) -> float | None:
        """Seconds from the end of the fault until all is well; 0 when it was by then."""
        for seen, status in invariants.statuses(self._history()):
            candidate = status.get("candidate") or {}
            weight = ((status.get("traffic") or {}).get("desired") or {}).get("candidate", 0)
            harm = release.bad and candidate.get("version") == version and weight > 0
            if seen.at > began and invariants.consistent(seen) and not harm:
                return max(0.0, seen.at - ended)
        return None

    def _count_calls(self) -> None:
        """Adds what the operators have asked of the API server since; a proxy that has started anew counts from 0."""
        for process in processes(self._stage.cluster):
            if process.program != "operator":
                continue
            self._record.resident = max(self._record.resident, process.resident)
            try:
                calls = self._stage.proxied.state(process.host)["calls"]
            except LocalClusterError:
                continue
            for verb, resource, count in calls:
                name, before = f"{verb} {resource}", self._counters.get((process.host, f"{verb} {resource}"), 0)
                more = count - before if count >= before else count
                self._record.calls[name] = self._record.calls.get(name, 0) + more
                self._counters[process.host, name] = count

    def _judge(self) -> None:
        record, history = self._record, self._history()
        requests = self._stage.load.records
        windows = [excuse(window, safe, requests) for window, safe in self._killing]
        killed, unexplained = lost(requests), unexcused(requests, windows)
        record.requests = {
            "sent": len(requests),
            "answered": sum(request.blamed == "nobody" for request in requests),
            "failed by model": sum(request.blamed == "the model" for request in requests),
            "lost": len(killed),
            "unexcused": len(unexplained),
        }
        for window in windows:
            covered = sum(window.covers(request) for request in killed)
            record.excused[window.fault] = record.excused.get(window.fault, 0) + covered
        record.violations += in_words(unexplained, self._began)
        record.takeovers = self._stage.takeovers
        record.violations += self._stage.violations
        record.violations += self._broken(history, [*windows, *self._editing])
        sent = [r.sent for r in requests]
        record.violations += invariants.early_steps(history)
        record.violations += invariants.counted_twice(history, sent)
        record.violations += invariants.advanced_blind(history)
        record.violations += invariants.falsely_promoted(history, self._stage.kinds)
        sizes = [len(json.dumps(status)) for _, status in invariants.statuses(history)]
        record.status_bytes = max(sizes, default=0)

    def _broken(self, history: list[Seen], windows: list[FaultWindow]) -> list[str]:
        """Rules 1 and 2, where it was not the fault that took the pods or edited the route."""
        at = {seen.version: seen.at for seen in history}

        def excused(sentence: str) -> bool:
            moment = at[int(sentence.split(":", maxsplit=1)[0])]
            return any(w.began <= moment <= w.ended + 1.0 for w in windows)

        return self._stage.bench.outside.violations(excused=excused)
