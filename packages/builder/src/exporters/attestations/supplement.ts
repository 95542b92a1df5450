import { formatJson, parseJson } from '@gantry/oci';
import type { CallContext } from '@gantry/rpc';
import type { ReadAttestation } from './content';
import type { FileLayers } from './file-layers';

const SPDX = 'https://spdx.dev/Document';
const CREATOR = 'Tool: gantry-build';

interface Document extends Record<string, unknown> {
  readonly files?: unknown;
  readonly creationInfo?: unknown;
}

/** Tells of each file in a list of what the image holds (SPDX) which layer it came with. What is no SPDX, and a file that has a comment already, stays as it is. */
export async function supplemented(ctx: CallContext, attestation: ReadAttestation, layers: FileLayers): Promise<ReadAttestation> {
  const document = attestation.predicateType === SPDX ? documentOf(attestation.predicate) : undefined;
  if (document === undefined) return attestation;
  const files: unknown[] = [];
  for (const file of listOf(document.files)) files.push(isRecord(file) ? await commented(ctx, file, layers) : file);
  const about = isRecord(document.creationInfo) ? document.creationInfo : {};
  const creationInfo = { ...about, creators: [...listOf(about['creators']), CREATOR] };
  return { ...attestation, predicate: Buffer.from(formatJson({ ...document, creationInfo, ...(files.length === 0 ? {} : { files }) })) };
}

async function commented(ctx: CallContext, file: Record<string, unknown>, layers: FileLayers): Promise<Record<string, unknown>> {
  const { fileName, comment } = file;
  if (typeof fileName !== 'string' || (comment !== undefined && comment !== '')) return file;
  const digest = await layers.of(ctx, fileName);
  return digest === undefined ? file : { ...file, comment: `layerID: ${digest}` };
}

function documentOf(predicate: Buffer): Document | undefined {
  try {
    const document = parseJson(predicate.toString());
    return isRecord(document) && typeof document['spdxVersion'] === 'string' ? document : undefined;
  } catch {
    return undefined; // a frontend's own business
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
