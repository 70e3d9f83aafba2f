"""All that the board's report may say: what a run's folder holds, and None where nobody measured it. Numbers come from nowhere else."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from kit.operations.audit_log import FILE as LOG
from kit.operations.audit_log import records_in
from kit.operations.audit_verify import Verified, verify
from kit.operations.autonomy import State, state_in
from poc import runs, sizing, worth
from poc.audit_commands import FOLDER
from poc.gates import accuracy_by_group
from poc.report.page import signature_state
from poc.words import Text, both


@dataclass(frozen=True)
class Known:
    """A finished run, as far as it was looked into.

    Attributes:
        run: its folder.
        record, frame: run.json and predictions.csv.
        checks, findings, audit: lists of the files of these names; empty where they are missing.
        roi, diagnosis, bridges, sizing: the files' contents, None where they are missing. A run without a verdict has no roi, whatever lies in its folder.
        log, step: the audit log of a model in use, and the step of autonomy that it tells of; None: nobody uses it.
    """

    run: Path
    record: dict
    frame: pd.DataFrame
    checks: list
    findings: list
    audit: list
    roi: dict | None
    diagnosis: dict | None
    bridges: dict | None
    sizing: dict | None
    log: Verified | None
    step: State | None

    @property
    def decided(self) -> bool:
        """Whether there is a verdict; without one no amount of money is shown anywhere."""
        return self.record["verdict"]["decision"] != "none"

    @property
    def kpi(self) -> str:
        return self.record["gates"]["kpi"]

    @property
    def currency(self) -> str:
        return self.record["currency"]

    @property
    def best(self) -> str:
        """The best method without an MLLM; "" where none was measured."""
        return self.record["verdict"].get("best_baseline") or ""

    @property
    def sure(self) -> str:
        """The confidence that was agreed on, as people write it."""
        return f"{100 * self.record['gates']['confidence']:g}%"

    @property
    def decision_run(self) -> bool:
        """Whether the gates were signed before, and not changed after data was seen."""
        return bool(self.record["verdict"].get("decision_run")) and signature_state(self.record)["state"] == "signed"

    @property
    def named_groups(self) -> int:
        """How many groups the held-out cases come from; 0 where they have none."""
        return len(set(self.tested["group"]) - {""})

    def marked(self, text: Text) -> Text:
        """A text with figures of roi.json, with the mark that they are examples where they are."""
        return both(f"{text['en']} (example figures)", f"{text['ja']}（金額は例）") if self.roi and self.roi["examples"] else text

    @cached_property
    def rows(self) -> dict[str, dict]:
        """Arm -> its results on the cases as they are."""
        return {row["arm"]: row for row in self.record["results"] if row["condition"] == "as_is"}

    @cached_property
    def tested(self) -> pd.DataFrame:
        """The tuned model's answers on held-out cases."""
        return self.frame[(self.frame["arm"] == "tuned") & (self.frame["condition"] == "as_is") & (self.frame["split"] == "test")]

    @cached_property
    def groups(self) -> list[dict]:
        """Accuracy of each held-out group, the worst first (`poc.gates.accuracy_by_group`); [] where rows have no groups to compare."""
        found = [row for row in accuracy_by_group(self.tested, self.record["gates"]["confidence"]) if row["group"]]
        return found if len(found) > 1 else []


def read(run: Path) -> Known:
    """Everything that a run's folder holds.

    Raises:
        KitError: no finished run, a damaged one, or an audit log that cannot be read.
    """
    run = Path(run)
    record = runs.read(run)
    parts = {name: _json(run / file) for name, file in (("checks", "checks.json"), ("findings", "findings.json"), ("audit", runs.AUDIT))}
    seen = {name: _json(run / file) for name, file in (("roi", worth.FILE), ("diagnosis", runs.DIAGNOSIS), ("bridges", runs.BRIDGES), ("sizing", sizing.FILE))}
    if record["verdict"]["decision"] == "none" or (seen["roi"] and seen["roi"]["use_case"] != record["use_case"]):
        seen["roi"] = None
    log = run / FOLDER / LOG
    used = verify(log) if log.is_file() else None
    step = state_in(records_in(log)) if used else None
    return Known(run, record, runs.read_predictions(run), **{name: part or [] for name, part in parts.items()}, **{name: part or None for name, part in seen.items()}, log=used, step=step)


def missing(known: Known) -> dict[str, dict]:
    """What was not done, each {"said": one plain sentence, "command": what does it}, by name."""
    record, lacks = known.record, {}

    def lack(name: str, there: object, said: Text, command: str) -> None:
        if not there:
            lacks[name] = {"said": said, "command": command}

    priced = not known.decided or bool(record.get("costs"))  # `poc roi` refuses a run without costs
    lack("roi", known.roi, both("What it is worth in money cannot be worked out: write what a miss and a false alarm cost into poc.yaml (costs), then run again.", "金額での価値は計算できません。見逃しと過検出の費用を poc.yaml の costs に書き、再実行してください。") if not priced else both("What it is worth in money was not worked out.", "金額での価値は計算していません。") if known.decided else
         both("No money is computed from a run without a verdict.", "判定のない実行からは金額を計算しません。"), "poc run DIR" if not priced else "poc roi RUN" if known.decided else "poc run DIR --preset laptop")  # fmt: skip
    lack("diagnosis", known.diagnosis, both("Nobody asked which evidence it believes.", "何を信じて答えているかを調べていません。"), "poc diagnose RUN")
    lack("bridges", known.bridges, both("Other ways to bring photos, voices or films to a language model were not compared.", "写真・声・動画を言語モデルに渡すほかの方法とは比べていません。"), "poc bridges RUN")
    lack("guard", record.get("guard"), both("What tuning cost in general ability was not measured.", "微調整で一般能力がどれだけ失われたかを測定していません。"), "poc run DIR")
    lack("certainty", record.get("calibration") and record.get("abstention"),
         both("It was not measured how far its certainty can be trusted, nor what can be promised when unsure answers go to people.", "確信度をどこまで信じてよいか、確信のない答えを人に回すと何を約束できるかを測定していません。"), "poc run DIR")  # fmt: skip
    lack("groups", known.groups, both("The held-out cases have no groups to compare.", "評価データに比較できるグループがありません。"), "poc.yaml: group_by")
    lack("audit", known.audit, both("The rows were not audited for personal data, faces, voices and doubtful labels.", "個人情報・顔・声・疑わしいラベルについてデータを検査していません。"), "poc check DIR")
    lack("sizing", known.sizing, both("Which machine it needs, and whether at the edge or as a server, was not measured.", "どの規模の計算機が必要か、エッジかサーバーかを測定していません。"), "poc size RUN")
    lack("plan", not known.sizing or known.sizing["plans"], both("No machine was planned for: write them into poc.yaml (business: machines).", "設備ごとの見積もりがありません（poc.yaml の business: machines に記入）。"), "poc size RUN")
    lack("use", known.log, both("Nobody uses it yet: there is no audit log, and it stands on no step of autonomy.", "まだ運用していません（監査ログも自律段階もありません）。"), "notebooks/11_human_in_the_loop.ipynb")
    return lacks


def _json(path: Path):
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
