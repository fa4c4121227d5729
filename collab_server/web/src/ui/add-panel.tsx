/** In the head of a session whose call stands: the agent adds one more panel. */
import { useState } from "preact/hooks";
import { startSession } from "../lib/desk-actions";
import { asProblem, type Problem } from "../lib/http";
import { personName } from "../lib/people";
import type { StandingCall, View } from "../lib/types";
import { t } from "../lib/words";
import { Menu } from "./menu";
import { TYPES } from "./panel-types";
import { ProblemNotice } from "./parts";

export function AddPanel({ view, call }: { view: View; call: StandingCall }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);

  const add = async (type: string) => {
    setBusy(true);
    setProblem(null);
    try {
      await startSession(call, type);
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Menu
        look="quiet"
        name={t("calls.addTo", { user: personName(view.user) })}
        label={t("calls.add")}
        disabled={busy}
      >
        {(close) => (
          <div class="menu-list">
            {TYPES.map((one) => (
              <button
                key={one}
                class="quiet"
                type="button"
                onClick={() => {
                  close();
                  void add(one);
                }}
              >
                {t(`type.${one}`)}
              </button>
            ))}
          </div>
        )}
      </Menu>
      {problem && <ProblemNotice problem={problem} />}
    </>
  );
}
