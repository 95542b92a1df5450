import { open, readdir } from 'node:fs/promises';
import { posix } from 'node:path';
import { AT, O, RESOLVE, syscalls } from '@gantry/linux';
import { type CallContext, dataLoss, invalidArgument, resourceExhausted } from '@gantry/rpc';
import type { Attestation } from '../../frontend/frontend';
import type { Refs } from '../../refs/ref';

/** No honest statement is larger. */
const LIMIT = 256 << 20;
const SBOM_CORE = 'sbom-core';
const PROVENANCE = 'https://slsa.dev/provenance/';

interface Statement {
  readonly predicateType?: string;
  readonly predicate?: unknown;
  readonly subject?: readonly { readonly name?: string; readonly digest?: Readonly<Record<string, string>> }[] | null;
}

/** An attestation with its predicate read. */
export interface ReadAttestation extends Pick<Attestation, 'predicateType' | 'subjects'> {
  readonly predicate: Buffer;
  /** Path of its file, in a bundle's folder too. */
  readonly path: string;
  /** Which file says most, by its name without what stands behind a dot. */
  readonly core: string | undefined;
}

/** Whether it is the one of several that says most. */
export const isCore = ({ path, core }: ReadAttestation): boolean => posix.basename(path).split('.')[0] === core;

/**
 * The predicates of attestations; a bundle is a folder of whole statements. Provenance is only ever the builder's own. What describes most, of the result and not of a
 * stage, comes first.
 */
export async function readAttestations(refs: Refs, ctx: CallContext, all: readonly Attestation[]): Promise<readonly ReadAttestation[]> {
  const read = (await Promise.all(all.map((each) => readAttestation(refs, ctx, each)))).flat();
  return [...read.filter(isCore), ...read.filter((each) => !isCore(each))];
}

async function readAttestation(refs: Refs, ctx: CallContext, attestation: Attestation): Promise<readonly ReadAttestation[]> {
  const { kind, content, predicateType, subjects, tree, path } = attestation;
  if (content === undefined && predicateType.startsWith(PROVENANCE)) throw invalidArgument('frontend may not set provenance attestations');
  const core = attestation.metadata.get(SBOM_CORE)?.toString();
  if (content !== undefined) return [{ predicateType, subjects, path, core, predicate: await content() }];
  const ref = await tree?.tree(ctx);
  try {
    return await refs.withTree(ctx, ref, async (root) =>
      kind === 'bundle'
        ? bundled(root, attestation, core)
        : [{ predicateType, subjects, path, core, predicate: await readInside(root, path) }],
    );
  } finally {
    ref?.release();
  }
}

async function bundled(root: string, { path, predicateType }: Attestation, core: string | undefined): Promise<readonly ReadAttestation[]> {
  const folder = openInside(root, path, O.DIRECTORY);
  const names = await readdir(`/proc/self/fd/${folder}`).finally(() => syscalls.close(folder));
  return Promise.all(
    names.sort().map(async (name) => {
      const statement = parse(await readInside(root, `${path}/${name}`), name);
      const { predicateType: own = '', predicate, subject } = statement;
      if (own.startsWith(PROVENANCE)) throw invalidArgument('frontend may not bundle provenance attestations');
      if (predicateType !== '' && own !== predicateType)
        throw invalidArgument(`bundle entry ${own} does not match required predicate type ${predicateType}`);
      const subjects = (subject ?? []).map(({ name: named = '', digest = {} }) => ({
        kind: 'raw' as const,
        name: named,
        digests: Object.entries(digest).map(([algorithm, hex]) => `${algorithm}:${hex}`),
      }));
      return {
        predicateType: own,
        subjects,
        path: posix.join(path, name),
        core,
        predicate: Buffer.from(JSON.stringify(predicate ?? null)),
      };
    }),
  );
}

function parse(bytes: Buffer, name: string): Statement {
  try {
    return JSON.parse(bytes.toString()) as Statement;
  } catch (cause) {
    throw dataLoss(`cannot decode in-toto statement ${name}`, { cause });
  }
}

/** A file of a foreign tree; no link in it leads out. */
async function readInside(root: string, path: string): Promise<Buffer> {
  const fd = openInside(root, path, O.NONBLOCK);
  const file = await open(`/proc/self/fd/${fd}`, 'r').finally(() => syscalls.close(fd));
  try {
    const status = await file.stat();
    if (!status.isFile()) throw invalidArgument(`attestation ${path} is no file`);
    if (status.size > LIMIT) throw resourceExhausted(`attestation ${path} has ${status.size} bytes, more than ${LIMIT}`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function openInside(root: string, path: string, flags: number): number {
  const base = syscalls.openat(AT.FDCWD, root, O.RDONLY | O.DIRECTORY | O.CLOEXEC);
  try {
    return syscalls.openat2(base, path.replace(/^\/+/, '') || '.', {
      flags: O.RDONLY | O.CLOEXEC | flags,
      resolve: RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS,
    });
  } finally {
    syscalls.close(base);
  }
}
