import type { CallContext } from '@gantry/rpc';
import type { FrontendResult } from '../frontend/frontend';
import type { StepProgress } from '../progress/progress';
import type { SessionGroup } from '../session/session';

/** Carries a result out of the builder: into an image store, a registry, a tar of the client's, a folder of the client's. */
export interface Exporter {
  readonly types: readonly string[];
  /** Checks the attributes (every unknown one is refused by name) before anything is built. `index` tells several outputs of one client apart. */
  open(attributes: ReadonlyMap<string, string>, index: number): OpenExporter;
}

export interface OpenExporter {
  /** Name of the step that the client sees, e.g. `exporting to image`. */
  readonly name: string;
  export(ctx: CallContext, input: ExportInput): Promise<ReadonlyMap<string, string>>;
}

export interface ExportInput {
  readonly result: FrontendResult;
  readonly sessions: SessionGroup;
  readonly progress: StepProgress;
  /** Of the build in the history; absent: what is exported is no build's result. */
  readonly buildRef?: string;
  /** Cache to be written into the image itself (`--cache-to type=inline`), made when asked for. */
  readonly inlineCache: (platform: string) => Promise<Buffer | undefined>;
}
