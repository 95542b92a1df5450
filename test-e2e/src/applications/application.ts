/** An application as a compose file describes it, on images of Debian's packages, and what is done with it. */
export interface Application {
  readonly name: string;
  /** By path, compose.yaml among them. */
  readonly files: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

/** One line of compose, and what is compared of what it leaves. */
export interface Step {
  /** Arguments of `docker compose`. */
  readonly compose?: readonly string[];
  /** A line of a shell in the project's folder instead, with `compose` and `docker` pointed at the engine. */
  readonly shell?: string;
  /**
   * all: every line of both outputs in its order; set: each different line once, in the order of letters, as for what several containers do at the same
   * time; code: the exit code alone.
   */
  readonly told: 'all' | 'set' | 'code';
}

/** A line of compose; blanks within an argument are written as no-break spaces. */
export const line = (text: string, told: Step['told'] = 'all'): Step => ({
  compose: text.split(' ').map((word) => word.replaceAll('\u00a0', ' ')),
  told,
});
export const shell = (text: string, told: Step['told'] = 'all'): Step => ({ shell: text, told });
