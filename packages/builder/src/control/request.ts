import { CacheOptions, type CacheOptionsEntry, type SolveRequest } from '@gantry/api/moby/buildkit/v1/control';
import { invalidArgument } from '@gantry/rpc';

const EPOCH = 'source-date-epoch';

/** A request with the fields of old clients moved to where new ones have them. */
export function currentForm(request: SolveRequest): SolveRequest {
  const cache = request.Cache ?? CacheOptions.fromPartial({});
  const Exports = [...cache.Exports];
  if (cache.ExportRefDeprecated !== '')
    Exports.push({ Type: 'registry', Attrs: { ...cache.ExportAttrsDeprecated, ref: cache.ExportRefDeprecated } });
  const Imports = [...cache.Imports, ...cache.ImportRefsDeprecated.map((ref) => ({ Type: 'registry', Attrs: { ref } }))];
  const Exporters =
    request.Exporters.length === 0 && request.ExporterDeprecated !== ''
      ? [{ Type: request.ExporterDeprecated, Attrs: request.ExporterAttrsDeprecated }]
      : request.Exporters;
  return {
    ...request,
    Cache: { ...cache, Exports, Imports, ExportRefDeprecated: '', ExportAttrsDeprecated: {}, ImportRefsDeprecated: [] },
    Exporters: withEpoch(Exporters, request.FrontendAttrs['build-arg:SOURCE_DATE_EPOCH']),
    ExporterDeprecated: '',
    ExporterAttrsDeprecated: {},
  };
}

/** The time that a build was given as an argument is its exporters', too, unless they have one of their own. */
function withEpoch(exporters: SolveRequest['Exporters'], epoch: string | undefined): SolveRequest['Exporters'] {
  if (epoch === undefined) return exporters;
  return exporters.map((each) => (EPOCH in each.Attrs ? each : { ...each, Attrs: { ...each.Attrs, [EPOCH]: epoch } }));
}

/** Refuses two places for the cache that are the same. */
export function checkCacheExports(exports: readonly CacheOptionsEntry[]): void {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { Type, Attrs } of exports) {
    const key = Type === 'registry' && Attrs['ref'] ? Attrs['ref'] : JSON.stringify([Type, Object.entries(Attrs).sort()]);
    if (seen.has(key)) twice.add(Type);
    seen.add(key);
  }
  if (twice.size > 0) throw invalidArgument(`duplicate cache exports [${[...twice].join(' ')}]`);
}

/** What a newer client may say and this builder would not hold to. */
export function refuseUnknown(request: SolveRequest): void {
  if (request.SourcePolicySession !== '') throw invalidArgument('SourcePolicySession is not supported');
  if (request.ProxyNetwork) throw invalidArgument('ProxyNetwork is not supported');
  if (request.CompatibilityVersion !== 0n) throw invalidArgument(`CompatibilityVersion ${request.CompatibilityVersion} is not supported`);
}
