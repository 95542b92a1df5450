import { type CallContext, invalidArgument } from '@gantry/rpc';
import type { FrontendBridge, ImageWish } from '../frontend';
import type { BasicRpcs } from './server';

/** ResolverType of a request: images of registries, or of a layout that the client has. */
const OCI_LAYOUT = 1;

/** Names into digests and configs. */
export function resolveRpcs(bridge: FrontendBridge): Pick<BasicRpcs, 'resolveImageConfig' | 'resolveSourceMeta'> {
  return {
    async resolveImageConfig(ctx: CallContext, request) {
      const { reference, digest, config } = await bridge.resolveImage(ctx, request.Ref, {
        platform:
          request.Platform === undefined
            ? undefined
            : {
                os: request.Platform.OS,
                architecture: request.Platform.Architecture,
                variant: request.Platform.Variant,
                osVersion: request.Platform.OSVersion,
              },
        mode: readMode(request.ResolveMode),
        logName: request.LogName,
        policies: request.SourcePolicies,
        ...(request.ResolverType === OCI_LAYOUT ? { layout: { sessionId: request.SessionID, storeId: request.StoreID } } : {}),
      });
      return { Ref: reference, Digest: digest, Config: config };
    },
    async resolveSourceMeta(ctx: CallContext, request) {
      if (request.Source === undefined) throw invalidArgument('source is required');
      return bridge.resolveSource(ctx, request);
    },
  };
}

function readMode(mode: string): ImageWish['mode'] {
  if (mode === '' || mode === 'default') return 'default';
  if (mode === 'pull') return 'pull';
  if (mode === 'local') return 'local';
  throw invalidArgument(`invalid resolvemode: ${mode}`);
}
