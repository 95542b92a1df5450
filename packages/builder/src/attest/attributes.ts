import { invalidArgument } from '@gantry/rpc';

/** `attest:provenance=…` as a client gives it. */
export interface ProvenanceAttributes {
  readonly mode: 'min' | 'max';
  readonly builderId: string;
  readonly reproducible: boolean;
  readonly inlineOnly: boolean;
  readonly filename: string;
  readonly version: 'v0.2' | 'v1';
  /** Tell how busy the host was. */
  readonly captureUsage: boolean;
}

export interface AttestAttributes {
  readonly provenance: ProvenanceAttributes | undefined;
  /** Image of the scanner, and what is told to it. */
  readonly sbom: { readonly generator: string; readonly parameters: ReadonlyMap<string, string> } | undefined;
}

const PREFIXES = ['attest:', 'build-arg:BUILDKIT_ATTEST_'];
const DEFAULT_SCANNER = 'docker/buildkit-syft-scanner:stable-1';

/** Which statements a build wants about its results. Throws invalidArgument, also for a kind that nobody knows. */
export function readAttestAttributes(options: ReadonlyMap<string, string>): AttestAttributes {
  const wanted = new Map<string, ReadonlyMap<string, string>>();
  for (const [key, value] of options) {
    const prefix = PREFIXES.find((each) => key.startsWith(each));
    if (prefix === undefined) continue;
    const kind = key.slice(prefix.length).toLowerCase();
    if (kind !== 'sbom' && kind !== 'provenance') throw invalidArgument(`unknown attestation type "${kind}"`);
    if (prefix === 'attest:' || !wanted.has(kind)) wanted.set(kind, fields(value));
  }
  const provenance = wanted.get('provenance');
  const sbom = wanted.get('sbom');
  return { provenance: provenance && readProvenance(provenance), sbom: sbom && readSbom(sbom) };
}

function fields(text: string): ReadonlyMap<string, string> {
  const parts = text === '' ? [] : text.split(',').map((part) => part.replace(/^"(.*)"$/, '$1'));
  return new Map(
    parts.map((part) => (part.includes('=') ? [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)] : [part, ''])),
  );
}

const KNOWN = new Set(['mode', 'builder-id', 'reproducible', 'inline-only', 'filename', 'version', 'capture-usage', 'disabled', 'type']);

function readProvenance(given: ReadonlyMap<string, string>): ProvenanceAttributes {
  for (const key of given.keys()) if (!KNOWN.has(key)) throw invalidArgument(`unknown provenance attribute "${key}"`);
  const mode = given.get('mode') ?? 'max';
  if (mode !== 'min' && mode !== 'max' && mode !== 'full') throw invalidArgument(`invalid mode "${mode}"`);
  const version = given.get('version') ?? 'v0.2';
  if (version !== 'v0.2' && version !== 'v1') throw invalidArgument(`invalid provenance SLSA version: ${version}`);
  const reproducible = given.get('reproducible');
  if (reproducible !== undefined && boolean(reproducible) === undefined)
    throw invalidArgument(`failed to parse reproducible flag "${reproducible}"`);
  return {
    mode: mode === 'min' ? 'min' : 'max',
    builderId: given.get('builder-id') ?? '',
    reproducible: boolean(reproducible) ?? false,
    inlineOnly: boolean(given.get('inline-only')) ?? false,
    filename: given.get('filename') ?? 'provenance.json',
    version,
    captureUsage: boolean(given.get('capture-usage')) ?? false,
  };
}

function readSbom(given: ReadonlyMap<string, string>): AttestAttributes['sbom'] {
  const generator = given.get('generator') ?? DEFAULT_SCANNER;
  if (generator === '') throw invalidArgument('sbom generator cannot be empty');
  return { generator, parameters: new Map([...given].filter(([key]) => key !== 'generator' && key !== 'type')) };
}

/** As Go reads a boolean. */
function boolean(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  return ['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text) ? false : undefined;
}
