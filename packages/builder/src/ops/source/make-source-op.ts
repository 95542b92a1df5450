import type { SourceOp } from '@gantry/api/pb/ops';
import { sha256 } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import type { Op, OpMaker } from '../../solver';
import type { Source } from '../../sources/source';

/** Makes the ops that bring trees from elsewhere; the scheme of the identifier says from where. */
export function makeSourceOp(sources: readonly Source[]): OpMaker<SourceOp> {
  return ({ identifier, attrs }, { platform }): Op => {
    const scheme = identifier.slice(0, Math.max(0, identifier.indexOf('://')));
    const source = sources.find(({ schemes }) => schemes.includes(scheme));
    if (source === undefined) throw invalidArgument(`failed to parse source identifier ${identifier}: unknown scheme`);
    const instance = source.open(
      identifier,
      attrs,
      platform && {
        OS: platform.os,
        Architecture: platform.architecture,
        Variant: platform.variant,
        OSVersion: platform.osVersion,
        OSFeatures: [],
      },
    );
    let told: string | undefined;
    return {
      async *cacheMaps(step) {
        const { key, pin } = await instance.key(step);
        told = pin;
        yield { digest: sha256(`source ${scheme} ${key}`), inputs: [] };
      },
      run: async (step) => [await instance.tree(step)],
      pin: () => told,
    };
  };
}
