import { type HistoryEntry, hostPlatform } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import { alignHistory, clampHistory, epochText, type LayerAbout } from './history';
import { parseJson } from './platforms';

export interface ConfigParts {
  readonly config: Buffer | undefined;
  readonly baseConfig: Buffer | undefined;
  readonly layers: readonly (LayerAbout & { readonly diffId: string })[];
  readonly inlineCache: Buffer | undefined;
  readonly epoch: number | undefined;
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The image's configuration: the frontend's, with the layers that there are, their history and its times. Its members are sorted, so that the same is the same. */
export function imageConfig({ config, baseConfig, layers, inlineCache, epoch }: ConfigParts): Buffer {
  const given = config === undefined ? defaultConfig() : parseJson<Record<string, unknown> | null>(config, 'image config');
  if (given === null || typeof given !== 'object' || Array.isArray(given)) throw invalidArgument('invalid null image config for export');
  for (const key of ['os', 'architecture'])
    if (typeof given[key] !== 'string' || given[key] === '') throw invalidArgument(`invalid image config for export: missing ${key}`);
  const aligned = alignHistory(historyOf(given), layers);
  const base = baseConfig === undefined ? [] : historyOf(parseJson<Record<string, unknown>>(baseConfig, 'base image config'));
  const history = epoch === undefined ? aligned : clampHistory(aligned, base, epoch);
  const whole: Record<string, unknown> = {
    ...given,
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history,
    created: createdOf(given['created'], history, epoch),
    ...(inlineCache === undefined ? {} : { 'moby.buildkit.cache.v0': inlineCache.toString('base64') }),
  };
  return Buffer.from(JSON.stringify(Object.fromEntries(Object.entries(whole).sort(([a], [b]) => (a < b ? -1 : 1)))));
}

function historyOf(config: Record<string, unknown>): HistoryEntry[] {
  const history = config['history'] ?? [];
  if (!Array.isArray(history) || !history.every((step) => typeof step === 'object' && step !== null))
    throw invalidArgument('history of the image config is no list');
  return history as HistoryEntry[];
}

function createdOf(given: unknown, history: readonly HistoryEntry[], epoch: number | undefined): string | null {
  const created = typeof given === 'string' ? given : history.findLast((step) => step.created !== undefined)?.created;
  if (created === undefined) return null;
  if (Number.isNaN(Date.parse(created))) throw invalidArgument(`invalid creation time "${created}" in the image config`);
  return epoch !== undefined && Date.parse(created) > epoch * 1000 ? epochText(epoch) : created;
}

function defaultConfig(): Record<string, unknown> {
  return { ...hostPlatform(), config: { Env: [`PATH=${DEFAULT_PATH}`], WorkingDir: '/' } };
}
