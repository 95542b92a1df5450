import { ResolveSourceMetaRequest } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import { expand, type Step } from '@gantry/dockerfile';
import { fileOf, isUrl } from '../instructions/add-remote';
import type { Request } from '../request';

/**
 * What lies behind the addresses of an ADD, by address: the classic builder knows a file by what it is, not by where it came from, and so do its history and its
 * cache. An address that cannot be asked is left out: its step says why.
 */
export async function remoteSums(
  { ctx, bridge }: Pick<Request, 'ctx'> & { readonly bridge: Pick<Request['bridge'], 'resolveSource'> },
  { instruction }: Step,
  lookup: (name: string) => string | undefined,
): Promise<ReadonlyMap<string, string>> {
  const sums = new Map<string, string>();
  if (instruction.name !== 'add') return sums;
  for (const source of instruction.add.sources) {
    const url = expand(source, { lookup, escape: '\\' }).word;
    if (!isUrl(url)) continue;
    const Source = { identifier: url, attrs: { 'http.filename': fileOf(url) } };
    const told = await bridge.resolveSource(ctx, ResolveSourceMetaRequest.fromPartial({ Source })).catch(() => undefined);
    ctx.signal.throwIfAborted();
    const sum = told?.HTTP?.Checksum.replace(/^sha256:/, '');
    if (sum !== undefined) sums.set(url, sum);
  }
  return sums;
}
