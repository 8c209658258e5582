/** As core has it; it refuses shorter ones. */
export const SHORTEST = 12;

/** What is wrong with it, or nothing. */
export function passphraseProblem(typed: string): string {
  // As core counts: a character is one, however many units it takes.
  return [...typed].length < SHORTEST ? `At least ${SHORTEST} characters; four or five plain words do well.` : '';
}
