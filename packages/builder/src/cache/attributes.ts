import { invalidArgument } from '@gantry/rpc';
import { compressionOf } from '../exporters/attribute-values';
import type { BlobOptions } from '../refs/ref';
import type { ManifestForm } from './manifest';

/** Attributes of a place, each asked for once; `end` refuses those that nobody asked for. */
export class Attributes {
  private readonly left: Map<string, string>;

  constructor(
    private readonly kind: string,
    given: ReadonlyMap<string, string>,
  ) {
    this.left = new Map(given);
  }

  text(name: string): string | undefined {
    const value = this.left.get(name);
    this.left.delete(name);
    return value === '' ? undefined : value;
  }

  need(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw invalidArgument(`${this.kind} cache requires ${name}`);
    return value;
  }

  boolean(name: string, otherwise: boolean): boolean {
    const value = this.text(name);
    if (value === undefined) return otherwise;
    if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
    if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
    throw invalidArgument(`failed to parse ${name}: "${value}"`);
  }

  number(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (!/^-?\d{1,9}$/.test(value)) throw invalidArgument(`failed to parse ${name}: "${value}"`);
    return Number(value);
  }

  /** Throws invalidArgument with the name of what is not known here. */
  end(): void {
    for (const name of this.left.keys()) throw invalidArgument(`unknown attribute of the ${this.kind} cache: ${name}`);
  }
}

export interface ExportChoice {
  readonly mode: 'min' | 'max';
  readonly blobs: BlobOptions;
  readonly form: ManifestForm;
  /** The trees of cache mounts travel, too: an addition of ours. */
  readonly mounts: boolean;
}

/** What all places that keep manifests and layers can be told. */
export function readExportChoice(attributes: Attributes): ExportChoice {
  const oci = attributes.boolean('oci-mediatypes', true);
  const imageManifest = attributes.boolean('image-manifest', oci);
  const mounts = attributes.boolean('mounts', false);
  return { mode: readMode(attributes), blobs: readCompression(attributes, oci), form: { imageManifest, oci }, mounts };
}

export function readMode(attributes: Attributes): 'min' | 'max' {
  const mode = attributes.text('mode') ?? 'min';
  if (mode === 'min' || mode === 'max') return mode;
  throw invalidArgument(`invalid cache export mode: ${mode}`);
}

export function readCompression(attributes: Attributes, oci: boolean): BlobOptions {
  const compression = compressionOf(attributes.text('compression') ?? 'gzip');
  const level = attributes.number('compression-level');
  return { compression, force: attributes.boolean('force-compression', false), oci, ...(level === undefined ? {} : { level }) };
}
