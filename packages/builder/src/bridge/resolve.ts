import { ResolveSourceMetaRequest, type ResolveSourceMetaResponse } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import type { SourceOp } from '@gantry/api/pb/ops';
import { type CallContext, invalidArgument } from '@gantry/rpc';
import { type ImageWish, notAnImage } from '../frontend/frontend';
import type { PolicyWith } from '../llb/policy';
import type { Job } from '../solver';
import type { Source } from '../sources/source';

const IMAGE = 'docker-image://';
const LAYOUT = 'oci-layout://';

export interface Resolving {
  readonly job: Job;
  readonly sources: readonly Source[];
  readonly policy: PolicyWith;
}

/** What a source's name stands for just now; shown as a step. */
export async function resolveSource(
  { job, sources, policy }: Resolving,
  ctx: CallContext,
  request: ResolveSourceMetaRequest,
): Promise<ResolveSourceMetaResponse> {
  if (request.Source === undefined) throw invalidArgument('source is required');
  const source: SourceOp = { identifier: request.Source.identifier, attrs: { ...request.Source.attrs } };
  await policy(request.SourcePolicies)?.(source);
  const scheme = source.identifier.slice(0, Math.max(0, source.identifier.indexOf('://')));
  const kind = sources.find(({ schemes }) => schemes.includes(scheme));
  if (kind === undefined) throw invalidArgument(`unknown scheme of source ${source.identifier}`);
  const name = request.LogName === '' ? `resolve image config for ${source.identifier}` : request.LogName;
  return job.inStep(ctx, name, (step) => kind.resolve(step, { ...request, Source: source }));
}

/** Digest and config of an image, by its name in a registry or in a layout of the client's. */
export async function resolveImage(
  resolve: (request: ResolveSourceMetaRequest) => Promise<ResolveSourceMetaResponse>,
  { reference, wish }: { readonly reference: string; readonly wish: ImageWish },
): Promise<{ readonly reference: string; readonly digest: string; readonly config: Buffer }> {
  const { platform, layout, policies = [] } = wish;
  const prefix = layout === undefined ? IMAGE : LAYOUT;
  const answer = await resolve(
    ResolveSourceMetaRequest.fromPartial({
      Source: {
        identifier: `${prefix}${reference}`,
        attrs: layout === undefined ? {} : { 'oci.session': layout.sessionId, 'oci.store': layout.storeId },
      },
      LogName: wish.logName,
      SourcePolicies: [...policies],
      ResolveMode: wish.mode,
      ...(platform === undefined
        ? {}
        : { Platform: { OS: platform.os, Architecture: platform.architecture, Variant: platform.variant, OSVersion: platform.osVersion } }),
    }),
  );
  const identifier = answer.Source?.identifier ?? `${prefix}${reference}`;
  if (answer.Image === undefined) throw notAnImage(reference, identifier);
  return {
    reference: identifier.slice(identifier.indexOf('://') + 3),
    digest: answer.Image.Digest,
    config: answer.Image.Config,
  };
}
