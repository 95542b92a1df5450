import { asGantryError, GantryError } from '@gantry/rpc';
import type { FrontendBridge } from '../../frontend';

/** The bridge, with each image resolved once a build for each way in which it is asked for. */
export function resolvingOnce(bridge: FrontendBridge): FrontendBridge {
  const known = new Map<string, ReturnType<FrontendBridge['resolveImage']>>();
  return {
    ...bridge,
    resolveImage(ctx, reference, wish) {
      const { logName: _shown, ...asked } = wish;
      const key = JSON.stringify([reference, asked]);
      const found = known.get(key) ?? bridge.resolveImage(ctx, reference, wish);
      known.set(key, found);
      // Each asker has a failure of its own, which says who asked.
      return found.catch((error: unknown) => {
        const { kind, message, meta } = asGantryError(error);
        throw new GantryError(kind, message, { cause: error, meta });
      });
    },
  };
}
