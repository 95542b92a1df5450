import { isIndex, isManifest, type Descriptor, type Index, type Manifest, mediaTypes, withoutNulls } from '@gantry/oci';
import { dataLoss, notImplemented, resourceExhausted } from '@gantry/rpc';

/** No honest manifest or index is larger. */
export const MANIFEST_LIMIT = 4 << 20;

type Json = Record<string, unknown>;

function parse(bytes: Buffer, name: string): Json {
  if (bytes.length > MANIFEST_LIMIT) throw resourceExhausted(`manifest ${name} has ${bytes.length} bytes, more than ${MANIFEST_LIMIT}`);
  let value: unknown;
  try {
    value = withoutNulls(JSON.parse(bytes.toString()));
  } catch (cause) {
    throw dataLoss(`manifest ${name} is not JSON`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw dataLoss(`manifest ${name} is not an object`);
  const json = value as Json;
  if (json['schemaVersion'] === 1 || json['fsLayers'] !== undefined)
    throw notImplemented(`manifest ${name} has schema version 1, which is not supported: push the image again with a current client`);
  if (json['manifests'] !== undefined && (json['layers'] !== undefined || json['config'] !== undefined))
    throw dataLoss(`manifest ${name} is a manifest and an index at once`);
  return json;
}

/** A value of a document as an error names it: objects of JSON may have a toString of their own. */
const shown = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing'));

/** A manifest, checked: descriptors are whole, and it is not an index at the same time (CVE-2021-41190). */
export function parseManifest(bytes: Buffer, name: string): Manifest {
  const json = parse(bytes, name);
  const type = json['mediaType'];
  if (type !== undefined && (typeof type !== 'string' || !isManifest(type))) throw dataLoss(`manifest ${name} calls itself ${shown(type)}`);
  const config = descriptor(json['config'], `config of manifest ${name}`);
  const layers = json['layers'] ?? [];
  if (!Array.isArray(layers)) throw dataLoss(`layers of manifest ${name} are no list`);
  return {
    ...(json as unknown as Manifest),
    config,
    layers: layers.map((layer, at) => descriptor(layer, `layer ${at} of manifest ${name}`)),
  };
}

export function parseIndex(bytes: Buffer, name: string): Index {
  const json = parse(bytes, name);
  const type = json['mediaType'];
  if (type !== undefined && (typeof type !== 'string' || !isIndex(type))) throw dataLoss(`index ${name} calls itself ${shown(type)}`);
  const manifests = json['manifests'] ?? [];
  if (!Array.isArray(manifests)) throw dataLoss(`manifests of index ${name} are no list`);
  return { ...(json as unknown as Index), manifests: manifests.map((entry, at) => descriptor(entry, `entry ${at} of index ${name}`)) };
}

function descriptor(value: unknown, where: string): Descriptor {
  const found = value as Partial<Descriptor> | null | undefined;
  if (typeof found !== 'object' || found === null) throw dataLoss(`${where} is missing`);
  if (typeof found.mediaType !== 'string') throw dataLoss(`${where} has no media type`);
  if (typeof found.digest !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(found.digest))
    throw dataLoss(`${where} has the digest ${shown(found.digest)}, which is not supported`);
  if (typeof found.size !== 'number' || !Number.isSafeInteger(found.size) || found.size < 0) throw dataLoss(`${where} has no valid size`);
  return found as Descriptor;
}

/** What kind of document registry or archive brought, by its type and, where that is unclear, by its content. */
export function kindOf(bytes: Buffer, mediaType: string, name: string): 'manifest' | 'index' {
  const json = parse(bytes, name);
  const own = typeof json['mediaType'] === 'string' ? json['mediaType'] : mediaType;
  if (isIndex(own)) return 'index';
  if (isManifest(own)) return 'manifest';
  if (Array.isArray(json['manifests'])) return 'index';
  if (Array.isArray(json['layers']) || json['config'] !== undefined) return 'manifest';
  throw notImplemented(`manifest ${name} has the media type ${own === '' ? 'unknown' : own}, which is not supported`);
}

/** The media type to record: the document's own, else what was told, else OCI's. */
export function documentType(bytes: Buffer, told: string, kind: 'manifest' | 'index'): string {
  const own = (JSON.parse(bytes.toString()) as Json)['mediaType'];
  if (typeof own === 'string') return own;
  if (kind === 'index' ? isIndex(told) : isManifest(told)) return told;
  return kind === 'index' ? mediaTypes.ociIndex : mediaTypes.ociManifest;
}
