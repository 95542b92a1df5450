import type { Argument, Lines } from '@gantry/dockerfile';

export interface ArgumentUse {
  readonly argument: Argument;
  readonly value: string;
  /** Other arguments that its default is made of. */
  readonly needs: ReadonlySet<string>;
  readonly lines: Lines;
}

export interface Wanted {
  readonly required: boolean;
  readonly lines: Lines;
}

/** The parameters that a stage takes, for `--call=outline`. */
export class StageOutline {
  readonly args: Map<string, ArgumentUse>;
  readonly used: Set<string>;
  readonly secrets: Map<string, Wanted>;
  readonly ssh: Map<string, Wanted>;

  constructor(from?: StageOutline) {
    this.args = new Map(from?.args);
    this.used = new Set(from?.used);
    this.secrets = new Map(from?.secrets);
    this.ssh = new Map(from?.ssh);
  }

  copy(): StageOutline {
    return new StageOutline(this);
  }

  /** What used arguments are made of is used, too. */
  get allUsed(): ReadonlySet<string> {
    const found = new Set(this.used);
    // A set that grows while it is walked is walked to its new end.
    for (const name of found) for (const needed of this.args.get(name)?.needs ?? []) found.add(needed);
    return found;
  }
}
