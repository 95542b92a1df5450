import type { DiffService } from '@gantry/api/containerd/services/diff/v1/diff';
import type { Mount as WireMount } from '@gantry/api/containerd/types/types';
import { type Handlers, invalidArgument, notImplemented } from '@gantry/rpc';
import type { DiffApplier } from '../diff/apply';
import type { DiffCreator } from '../diff/create';

/** containerd.services.diff.v1.Diff. */
export function diffHandlers(applier: DiffApplier, creator: DiffCreator): Handlers<DiffService> {
  return {
    apply: async (ctx, { diff, mounts, payloads, syncFs: _sync }) => {
      if (diff === undefined) throw invalidArgument('descriptor of the diff is missing');
      for (const name of Object.keys(payloads)) throw notImplemented(`stream processor payload ${name} is not supported`);
      const applied = await applier.apply(ctx, diff.digest, plain(mounts));
      return { applied: { mediaType: applied.mediaType, digest: applied.digest, size: BigInt(applied.size), annotations: {} } };
    },
    diff: async (ctx, { left, right, mediaType, ref, labels }) => {
      const made = await creator.create(ctx, { left: plain(left), right: plain(right), mediaType, ref, labels });
      return { diff: { mediaType: made.mediaType, digest: made.digest, size: BigInt(made.size), annotations: {} } };
    },
  };
}

const plain = (mounts: readonly WireMount[]): { type: string; source: string; options: string[] }[] =>
  mounts.map(({ type, source, options }) => ({ type, source, options }));
