import type { Range, SourceInfo } from '@gantry/api/pb/ops';

/** A warning about a step, as `docker build` shows it at the end. */
export interface Warning {
  /** 1: an error in a later version; 2: a hint. */
  readonly level: number;
  readonly short: string;
  readonly detail: readonly string[];
  readonly url: string;
  readonly source?: SourceInfo;
  readonly ranges: readonly Range[];
}

/** What one step tells its watchers (VertexStatus, VertexLog and VertexWarning of moby.buildkit.v1). */
export interface StepProgress {
  /** Output of the step: 1 is stdout, 2 is stderr. */
  log(stream: 1 | 2, data: Buffer): void;
  /** A line below the step that counts, e.g. a layer being pulled; told again with the same id as it grows. */
  status(status: {
    readonly id: string;
    readonly current?: number;
    readonly total?: number;
    readonly started?: Date;
    readonly completed?: Date;
  }): void;
  warn(warning: Warning): void;
}
