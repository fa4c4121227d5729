/** What may come of a session: the administrator's list, or the agent's own words. */
import { signal } from "@preact/signals";
import { tOr } from "./words";

/** Empty: free text. Handed out with `me`, and with what a join link brings. */
export const outcomes = signal<readonly string[]>([]);

export function noteOutcomes(given: readonly string[] | undefined): void {
  if (given) outcomes.value = given;
}

/** An outcome in words; those that come with Tandem in the reader's language. */
export function outcomeName(outcome: string): string {
  return tOr(`side.outcome.${outcome}`, outcome);
}
