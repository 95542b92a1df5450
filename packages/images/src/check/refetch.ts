import { createHash, randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '@gantry/oci';
import { dataLoss, errorText, failedPrecondition } from '@gantry/rpc';
import { accessOf, type Registries } from '@gantry/registry';
import { type ContentStore, isExisting } from '../content/store';
import type { Wanted } from './wanted';

/** Pulls single blobs again from where they came from. */
export class Refetch {
  constructor(
    private readonly content: ContentStore,
    private readonly registries: Registries,
  ) {}

  /** Gives a recorded blob its right bytes back, in one step. */
  async replace(wanted: Wanted): Promise<string> {
    return this.fromSources(wanted, async (bytes) => {
      const { paths } = this.content;
      const temporary = join(paths.trash, `check-${randomBytes(8).toString('hex')}`);
      try {
        await writeChecked(temporary, wanted.digest, bytes);
        renameSync(temporary, paths.blob(wanted.digest));
      } finally {
        await rm(temporary, { force: true });
      }
    });
  }

  /** Brings a blob that no record of the namespace has. */
  async fetch(wanted: Wanted): Promise<string> {
    const scope = { namespace: wanted.namespace };
    return this.fromSources(wanted, async (bytes) => {
      try {
        const ingest = await this.content.ingest(scope, `check-${wanted.digest}`, wanted.size, wanted.digest);
        try {
          await ingest.truncate(0);
          for await (const part of bytes) await ingest.write(part);
          await ingest.commit(wanted.size, wanted.digest, wanted.labels);
        } finally {
          await ingest.discard();
        }
      } catch (error) {
        if (!isExisting(error)) throw error;
      }
    });
  }

  private async fromSources(wanted: Wanted, take: (bytes: AsyncIterable<Buffer>) => Promise<void>): Promise<string> {
    if (wanted.sources.length === 0)
      throw failedPrecondition(`nothing tells where ${wanted.digest} came from: load or pull the image again`);
    const failures: string[] = [];
    for (const { domain, path } of wanted.sources) {
      try {
        const { repository } = await this.registries.find({ domain, path, digest: wanted.top as Digest }, accessOf(undefined));
        await take(
          wanted.document ? only((await repository.manifest(wanted.digest)).bytes) : repository.blob(wanted.digest, wanted.size, 0),
        );
        return `pulled again from ${domain}/${path}`;
      } catch (error) {
        failures.push(`${domain}/${path}: ${errorText(error)}`);
      }
    }
    throw failedPrecondition(failures.join('; '));
  }
}

async function* only(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

async function writeChecked(path: string, digest: string, bytes: AsyncIterable<Buffer>): Promise<void> {
  const hash = createHash('sha256');
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const part of bytes) {
      hash.update(part);
      await file.writev([part]);
    }
    const found = `sha256:${hash.digest('hex')}`;
    if (found !== digest) throw dataLoss(`blob has the digest ${found}, ${digest} was promised`);
    await file.datasync();
  } finally {
    await file.close();
  }
}
