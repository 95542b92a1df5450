import { csvFields, quoted } from '@gantry/dockerfile';
import { formatReference, parseReference, withDefaultTag } from '@gantry/oci';
import { invalidArgument, prefixed } from '@gantry/rpc';

/** The scanner that lists what is in a result. */
export interface SbomOptions {
  readonly generator: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const DEFAULT_GENERATOR = 'docker/buildkit-syft-scanner:stable-1';

/** `attest:sbom` (or the build argument BUILDKIT_ATTEST_SBOM). A kind of attestation that nobody knows is refused here, too. */
export function readSbom(options: ReadonlyMap<string, string>): SbomOptions | undefined {
  const found = new Map<string, string>();
  for (const [key, value] of options) {
    const [, name] = /^(?:attest:|build-arg:BUILDKIT_ATTEST_)(.*)$/.exec(key) ?? [];
    if (name !== undefined) found.set(name.toLowerCase(), value);
  }
  for (const name of found.keys())
    if (name !== 'sbom' && name !== 'provenance') throw invalidArgument(`unknown attestation type ${quoted(name)}`);
  const text = found.get('sbom');
  if (text === undefined) return undefined;
  const parameters = new Map([['generator', DEFAULT_GENERATOR], ...(text === '' ? [] : fieldsOf(text))]);
  const generator = parameters.get('generator') ?? '';
  parameters.delete('generator');
  return { generator: scanner(generator), parameters };
}

function fieldsOf(text: string): (readonly [string, string])[] {
  try {
    return csvFields(text).map((field) => {
      const [key = '', ...value] = field.split('=');
      return [key, value.join('=')] as const;
    });
  } catch (error) {
    throw prefixed(error, 'failed to parse sbom');
  }
}

function scanner(text: string): string {
  try {
    return formatReference(withDefaultTag(parseReference(text)));
  } catch (error) {
    throw prefixed(error, `failed to parse sbom scanner ${text}`);
  }
}
