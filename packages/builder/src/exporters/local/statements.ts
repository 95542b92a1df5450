import { createHash } from 'node:crypto';
import { basename, extname } from 'node:path';
import { Stat } from '@gantry/api/fsutil/types/wire';
import { type CallContext, invalidArgument } from '@gantry/rpc';
import type { Attestation } from '../../frontend/frontend';
import type { Refs } from '../../refs/ref';
import { readAttestations } from '../attestations/content';
import { statementOf, type Subject } from '../attestations/statement';
import { wantedAttestations } from '../attestations/wanted';
import type { ExportedFile } from './exported-file';

export interface StatementOptions {
  readonly prefix: string;
  /** Written into the names, where the platforms lie in one folder. */
  readonly platform: string;
  /** Nanoseconds since 1970. */
  readonly time: bigint;
}

/** Attestations as files beside those that they are about. */
export async function statementFiles(
  refs: Refs,
  ctx: CallContext,
  { attestations, files }: { readonly attestations: readonly Attestation[]; readonly files: () => AsyncIterable<ExportedFile> },
  options: StatementOptions,
): Promise<readonly ExportedFile[]> {
  const wanted = wantedAttestations(attestations, false);
  if (wanted.length === 0) return [];
  const subjects = await digestsOf(files());
  const names = new Set<string>();
  const made: ExportedFile[] = [];
  for (const read of await readAttestations(refs, ctx, wanted)) {
    const base = basename(read.path);
    const name = nameOf(base, options);
    if (base === '' || base === '.' || name.split('/').includes('..'))
      throw invalidArgument(`attestation path ${read.path} with the prefix "${options.prefix}" names no file`);
    if (names.has(name)) throw invalidArgument(`duplicate attestation path name ${name}`);
    names.add(name);
    const bytes = statementOf(read, subjects, read.predicate);
    const stat = Stat.fromPartial({ path: name, mode: 0o600, size: BigInt(bytes.length), modTime: options.time });
    made.push({
      stat,
      read: async function* () {
        yield bytes;
      },
    });
  }
  return made;
}

function nameOf(base: string, { prefix, platform }: StatementOptions): string {
  const name = `${prefix}${base}`;
  if (platform === '') return name;
  const extension = extname(name);
  return `${name.slice(0, name.length - extension.length)}.${platform.replaceAll('/', '_')}${extension}`;
}

async function digestsOf(files: AsyncIterable<ExportedFile>): Promise<Subject[]> {
  const subjects: Subject[] = [];
  for await (const { stat, read } of files) {
    if (read === undefined) continue;
    const hash = createHash('sha256');
    for await (const part of read()) hash.update(part);
    subjects.push({ name: stat.path, digest: { sha256: hash.digest('hex') } });
  }
  return subjects;
}
