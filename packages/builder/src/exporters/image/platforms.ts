import { formatPlatform, hostPlatform, normalizePlatform, type Platform } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import type { FrontendResult, Outcome } from '../../frontend/frontend';

/** One platform of a result. */
export interface ResultPlatform {
  readonly id: string;
  readonly platform: Platform;
  readonly outcome: Outcome | undefined;
  /** The image's configuration as the frontend made it; undefined: it made none. */
  readonly config: Buffer | undefined;
  /** The configuration of the image it stands on. */
  readonly baseConfig: Buffer | undefined;
}

const CONFIG = 'containerimage.config';
const BASE_CONFIG = 'containerimage.base.config';
const PLATFORMS = 'refs.platforms';

/** The platforms of a result, in the frontend's order. */
export function platformsOf({ outcomes, metadata }: Pick<FrontendResult, 'outcomes' | 'metadata'>): readonly ResultPlatform[] {
  const several = [...outcomes.keys()].some((id) => id !== '');
  const listed = metadata.get(PLATFORMS);
  if (listed === undefined && several) throw invalidArgument('unable to export multiple refs, missing platforms mapping');
  const named = listed === undefined ? [onlyPlatform(metadata.get(CONFIG))] : parseList(listed);
  return named.map(({ id, platform }) => {
    const outcome = outcomes.get(id) ?? (several ? undefined : outcomes.get(''));
    if (several && !outcomes.has(id)) throw invalidArgument(`failed to find ref for ID ${id}`);
    return { id, platform, outcome, config: of(metadata, CONFIG, id), baseConfig: of(metadata, BASE_CONFIG, id) };
  });
}

const of = (metadata: ReadonlyMap<string, Buffer>, key: string, id: string): Buffer | undefined =>
  metadata.get(`${key}/${id}`) ?? metadata.get(key);

function parseList(json: Buffer): { readonly id: string; readonly platform: Platform }[] {
  const given = parseJson<{ Platforms?: { ID?: string; Platform?: Partial<Platform> }[] | null } | null>(json, PLATFORMS);
  const Platforms = given?.Platforms ?? [];
  if (Platforms.length === 0) throw invalidArgument('invalid empty platforms index for exporter');
  return Platforms.map(({ ID = '', Platform: platform = {} }) => {
    if (ID === '') throw invalidArgument('invalid empty platform key for exporter');
    const { os = '', architecture = '' } = platform;
    if (os === '' || architecture === '') throw invalidArgument(`invalid platform value for exporter: ${JSON.stringify(platform)}`);
    return { id: ID, platform: normalizePlatform({ ...platform, os, architecture }) };
  });
}

function onlyPlatform(config: Buffer | undefined): { readonly id: string; readonly platform: Platform } {
  const given = config === undefined ? hostPlatform() : parseJson<Partial<Platform> | null>(config, 'image config');
  if (given === null) throw invalidArgument('invalid null image config for export');
  const { os = '', architecture = '', ...more } = given;
  if ((os === '') !== (architecture === '')) throw invalidArgument('invalid image config: os and architecture must be specified together');
  const { variant, 'os.version': version, 'os.features': features } = more;
  const platform = normalizePlatform({
    ...(os === '' ? hostPlatform() : { os, architecture }),
    ...(variant === undefined ? {} : { variant }),
    ...(version === undefined ? {} : { 'os.version': version }),
    ...(features === undefined ? {} : { 'os.features': features }),
  });
  return { id: formatPlatform(platform), platform };
}

export function parseJson<T>(bytes: Buffer, name: string): T {
  try {
    return JSON.parse(bytes.toString()) as T;
  } catch (cause) {
    throw invalidArgument(`${name} is not JSON`, { cause });
  }
}
