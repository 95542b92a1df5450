import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Host of the URLs by which the frontend names a body that a client sent; no such host can be on a network. */
const HOST = 'http://upload.invalid/';

/** A body that came with a request: spooled, since it is read when the definition is solved, and perhaps more than once. */
export interface UploadedBody {
  /** What the frontend is given as its context. */
  readonly url: string;
  /** Settles with the path of the file when all of it is here; rejects when it was cut off. */
  readonly file: Promise<string>;
  /** Takes the bytes. */
  receive(stream: Readable): Promise<void>;
  discard(): Promise<void>;
}

/** The bodies that builds wait for and read, in a folder that is empty at start. */
export class Uploads {
  private readonly bodies = new Map<string, UploadedBody>();

  constructor(private readonly folder: string) {}

  async clear(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
  }

  open(): UploadedBody {
    const id = randomUUID();
    const path = join(this.folder, id);
    const whole = Promise.withResolvers<string>();
    whole.promise.catch(() => undefined); // who reads it is told
    const body: UploadedBody = {
      url: `${HOST}${id}`,
      file: whole.promise,
      receive: async (stream) => {
        try {
          await pipeline(stream, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
          whole.resolve(path);
        } catch (error) {
          whole.reject(error);
          throw error;
        }
      },
      discard: async () => {
        this.bodies.delete(body.url);
        await rm(path, { force: true });
      },
    };
    this.bodies.set(body.url, body);
    return body;
  }

  find(url: string): UploadedBody | undefined {
    return this.bodies.get(url);
  }
}

export const isUpload = (identifier: string): boolean => identifier.startsWith(HOST);
