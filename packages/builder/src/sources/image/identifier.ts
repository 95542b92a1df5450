import type { Platform as OpPlatform } from '@gantry/api/pb/ops';
import { hostPlatform, isDigest, normalizePlatform, parseReference, type Platform, type Reference, withDefaultTag } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import type { RecordType } from '../../refs/ref';

export type ResolveMode = 'default' | 'pull' | 'local';

/** What a `docker-image://` source asks for. */
export interface ImageIdentifier {
  readonly reference: Reference;
  readonly platform: Platform;
  readonly mode: ResolveMode;
  readonly recordType: RecordType;
  /** Only so many layers from the bottom. */
  readonly layerLimit: number | undefined;
  /** Digest that the reference must lead to. */
  readonly checksum: string | undefined;
}

export function imageIdentifier(
  text: string,
  attributes: Readonly<Record<string, string>>,
  platform: OpPlatform | undefined,
): ImageIdentifier {
  let mode: ResolveMode = 'default';
  let recordType: RecordType = 'regular';
  let layerLimit: number | undefined;
  let checksum: string | undefined;
  for (const [key, value] of Object.entries(attributes)) {
    switch (key) {
      case 'image.resolvemode':
        mode = resolveMode(value);
        break;
      case 'image.recordtype':
        if (value !== '' && value !== 'regular' && value !== 'internal' && value !== 'frontend')
          throw invalidArgument(`invalid record type ${value}`);
        recordType = value === '' ? 'regular' : value;
        break;
      case 'image.layerlimit':
        layerLimit = layerLimitOf(value);
        break;
      case 'image.checksum':
        if (!isDigest(value)) throw invalidArgument(`invalid image checksum ${value}`);
        checksum = value;
        break;
      default:
        throw invalidArgument(`image source: unknown attribute ${key}`);
    }
  }
  return { reference: withDefaultTag(parseReference(text)), platform: ociPlatform(platform), mode, recordType, layerLimit, checksum };
}

export function resolveMode(value: string): ResolveMode {
  if (value === '' || value === 'default') return 'default';
  if (value === 'pull' || value === 'local') return value;
  throw invalidArgument(`invalid resolvemode: ${value}`);
}

export function layerLimitOf(value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value)) throw invalidArgument(`invalid layer limit ${value}`);
  return Number(value);
}

/** The platform of an op; the host's where it names none. */
export function ociPlatform(platform: OpPlatform | undefined): Platform {
  if (platform === undefined || (platform.OS === '' && platform.Architecture === '')) return hostPlatform();
  const { OS, Architecture, Variant, OSVersion } = platform;
  return normalizePlatform({
    os: OS === '' ? 'linux' : OS,
    architecture: Architecture,
    ...(Variant === '' ? {} : { variant: Variant }),
    ...(OSVersion === '' ? {} : { 'os.version': OSVersion }),
  });
}
