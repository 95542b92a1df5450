import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { invalidArgument } from '@gantry/rpc';

/** Where content lies on disk. Everything is 0700 and belongs to this service alone. */
export class ContentPaths {
  readonly blobs: string;
  readonly ingests: string;
  readonly trash: string;

  constructor(root: string) {
    this.blobs = join(root, 'blobs', 'sha256');
    this.ingests = join(root, 'ingest');
    this.trash = join(root, 'trash');
    for (const dir of [this.blobs, this.ingests, this.trash]) mkdirSync(dir, { recursive: true, mode: 0o700 });
  }

  blob(digest: string): string {
    return join(this.blobs, checkDigest(digest).slice('sha256:'.length));
  }

  ingest(id: number): string {
    return join(this.ingests, String(id));
  }
}

/** Only sha256 is stored: every registry and tool of the field uses it. */
export function checkDigest(digest: string): string {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw invalidArgument(`digest "${digest}" is not a sha256 digest`);
  return digest;
}

/** Tells one boot of the machine from another. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
