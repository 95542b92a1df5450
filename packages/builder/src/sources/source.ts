import type { Platform } from '@gantry/api/pb/ops';
import type { ResolveSourceMetaRequest, ResolveSourceMetaResponse } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import type { Ref } from '../refs/ref';
import type { StepContext } from '../solver/op';

/** Brings trees from one kind of place; the scheme of the identifier chooses it (`docker-image://`, `local://`, `git://`, `https://`, `oci-layout://`). */
export interface Source {
  readonly schemes: readonly string[];
  /** Checks the identifier and the attributes; every unknown attribute is refused by name. */
  open(identifier: string, attributes: Readonly<Record<string, string>>, platform: Platform | undefined): SourceInstance;
  /** Answers ResolveSourceMeta for an identifier of this kind. */
  resolve(step: StepContext, request: ResolveSourceMetaRequest): Promise<ResolveSourceMetaResponse>;
}

export interface SourceInstance {
  /** What the tree hangs on: a digest, a commit, an ETag. `pin` is what provenance says of it. */
  key(step: StepContext): Promise<{ readonly key: string; readonly pin: string }>;
  tree(step: StepContext): Promise<Ref | undefined>;
}
