import { type HostIP, NetMode, type Ulimit } from '@gantry/api/pb/ops';
import { csvFields, goBool, quoted } from '@gantry/dockerfile';
import { invalidArgument, prefixed } from '@gantry/rpc';
import { isIP } from 'node:net';
import type { ResolveMode } from '../../../llb/write/sources';
import type { SolveWish } from '../../frontend';
import { type LintOptions, parseLintOptions } from '../lint/options';
import { normalizePlatform, parsePlatform, type Platform } from '../platform';
import { STEP_WISHES } from '../../../ops/exec/step-wishes';
import { cacheImports } from './cache-imports';
import { readSbom, type SbomOptions } from './sbom-options';
import { parseUlimits } from './ulimits';

type Options = ReadonlyMap<string, string>;

/** What a client can ask of a build, read and checked. */
export interface BuildOptions {
  readonly buildArgs: Options;
  readonly labels: Options;
  readonly target: string;
  readonly cacheNamespace: string;
  readonly cgroupParent: string;
  /** SOURCE_DATE_EPOCH, seconds since 1970. */
  readonly epoch: number | undefined;
  readonly extraHosts: readonly HostIP[];
  readonly hostname: string;
  readonly resolveMode: ResolveMode;
  readonly network: NetMode;
  /** The name of another one, which steps have in their description. */
  readonly stepWishes: string;
  /** Bytes of /dev/shm; 0: the default. */
  readonly shmSize: bigint;
  readonly ulimits: readonly Ulimit[];
  /** Rules of the checks, where the client set them and not the file. */
  readonly lint: LintOptions | undefined;
  readonly cacheImports: SolveWish['cacheImports'];
  readonly platforms: readonly Platform[];
  readonly multiPlatform: boolean;
  readonly sbom: SbomOptions | undefined;
  /** Is the cache not to be used for this stage? */
  ignoresCache(stage: string): boolean;
}

/** Errors: invalidArgument that names the option. */
export function readOptions(options: Options): BuildOptions {
  refuseRemoved(options);
  const get = (key: string): string => options.get(key) ?? '';
  const platforms = get('platform') === '' ? [] : parsePlatforms(get('platform'));
  const check = options.get('build-arg:BUILDKIT_DOCKERFILE_CHECK');
  return {
    buildArgs: withPrefix(options, 'build-arg:'),
    labels: withPrefix(options, 'label:'),
    target: get('target'),
    cacheNamespace: get('build-arg:BUILDKIT_CACHE_MOUNT_NS'),
    cgroupParent: get('cgroup-parent'),
    epoch: parseEpoch(get('build-arg:SOURCE_DATE_EPOCH')),
    extraHosts: about('failed to parse additional hosts', () => parseHosts(get('add-hosts'))),
    hostname: get('build-arg:BUILDKIT_SANDBOX_HOSTNAME') === '' ? get('hostname') : get('build-arg:BUILDKIT_SANDBOX_HOSTNAME'),
    resolveMode: parseResolveMode(get('image-resolve-mode')),
    network: parseNetwork(get('force-network-mode')),
    stepWishes: get(STEP_WISHES),
    shmSize: about('failed to parse shm size', () => parseSize(get('shm-size'))),
    ulimits: about('failed to parse ulimit', () => parseUlimits(get('ulimit'))),
    lint: check === undefined ? undefined : about('failed to parse build-arg:BUILDKIT_DOCKERFILE_CHECK', () => parseLintOptions(check)),
    cacheImports: cacheImports(options),
    platforms,
    multiPlatform: isMultiPlatform(options, platforms.length),
    sbom: readSbom(options),
    ignoresCache: cacheRule(options.get('no-cache')),
  };
}

function refuseRemoved(options: Options): void {
  if ((options.get('override-copy-image') ?? '') !== '')
    throw invalidArgument('support for "override-copy-image" was removed in BuildKit 0.11');
  if (goBool(options.get('build-arg:BUILDKIT_DISABLE_FILEOP') ?? '') === true)
    throw invalidArgument('support for "BUILDKIT_DISABLE_FILEOP" build-arg was removed in BuildKit 0.11');
}

export function withPrefix(options: Options, prefix: string): Options {
  return new Map([...options].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [key.slice(prefix.length), value]));
}

function about<T>(words: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw prefixed(error, words);
  }
}

function parsePlatforms(text: string): Platform[] {
  return text.split(',').map((one) => about(`failed to parse target platform ${one}`, () => normalizePlatform(parsePlatform(one))));
}

function parseEpoch(text: string): number | undefined {
  if (text === '') return undefined;
  if (!/^[+-]?\d{1,18}$/.test(text))
    throw invalidArgument(`invalid SOURCE_DATE_EPOCH: ${text}: strconv.ParseInt: parsing ${quoted(text)}: invalid syntax`);
  return Number(text);
}

function parseHosts(text: string): HostIP[] {
  if (text === '') return [];
  return csvFields(text).map((field) => {
    const lower = field.toLowerCase();
    const equals = lower.indexOf('=');
    if (equals < 0) throw invalidArgument(`invalid key-value pair ${field}`);
    const address = lower.slice(equals + 1);
    if (isIP(address) === 0 || address.includes('%')) throw invalidArgument(`failed to parse IP ${address}`);
    return { Host: lower.slice(0, equals), IP: address };
  });
}

function parseResolveMode(text: string): ResolveMode {
  if (text === '') return 'default';
  if (text === 'default' || text === 'pull' || text === 'local') return text;
  throw invalidArgument(`invalid image-resolve-mode: ${text}`);
}

function parseNetwork(text: string): NetMode {
  switch (text) {
    case '':
    case 'sandbox':
      return NetMode.UNSET;
    case 'none':
      return NetMode.NONE;
    case 'host':
      return NetMode.HOST;
    default:
      throw invalidArgument(`invalid netmode ${text}`);
  }
}

function parseSize(text: string): bigint {
  if (!/^[+-]?\d{0,18}$/.test(text)) throw invalidArgument(`strconv.ParseInt: parsing ${quoted(text)}: invalid syntax`);
  return BigInt(text);
}

function isMultiPlatform(options: Options, count: number): boolean {
  const argument = options.get('build-arg:BUILDKIT_MULTI_PLATFORM') ?? '';
  const text = argument === '' ? (options.get('multi-platform') ?? '') : argument;
  if (text === '') return count > 1;
  const wanted = goBool(text);
  if (wanted === undefined) throw invalidArgument(`invalid boolean value for multi-platform: ${text}`);
  if (!wanted && count > 1) throw invalidArgument('conflicting config: returning multiple target platforms is not allowed');
  return wanted;
}

function cacheRule(text: string | undefined): (stage: string) => boolean {
  if (text === undefined) return () => false;
  if (text === '') return () => true;
  const names = text.split(',').map((name) => name.toLowerCase());
  return (stage) => names.includes(stage.toLowerCase());
}
