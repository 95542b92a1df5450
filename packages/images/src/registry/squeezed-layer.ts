import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { WrittenBlob } from '@gantry/native';
import { internal } from '@gantry/rpc';
import type { NativeTree } from '../layers/native';
import { OutputSlabs } from './output-slabs';

/** Loopback and office networks are faster than a higher level. */
const GZIP_LEVEL = 3;

/** A plain layer's file as gzip, made while it is sent. */
export class SqueezedLayer {
  private made: WrittenBlob | undefined;

  constructor(
    private readonly native: Pick<NativeTree, 'squeeze'>,
    private readonly path: string,
    private readonly onBytes: (sent: number) => void,
  ) {}

  /** The compressed bytes from an offset on: each stream is made from the start, by a program of its own. */
  stream(offset: number): Readable {
    return Readable.from(this.bytes(offset), { objectMode: false });
  }

  /** What was made, once a stream has ended. */
  outcome(): WrittenBlob {
    if (this.made === undefined) throw internal(`${this.path} was not compressed to its end`);
    return this.made;
  }

  private async *bytes(offset: number): AsyncGenerator<Buffer> {
    const file = await open(this.path, 'r');
    const output = new OutputSlabs();
    const squeezing = this.native.squeeze(file.fd, output.descriptor, GZIP_LEVEL, offset);
    output.given();
    let sent = offset;
    try {
      for await (const part of output.parts()) {
        sent += part.length;
        this.onBytes(sent);
        yield part;
      }
      this.made = await squeezing.done;
    } finally {
      squeezing.kill();
      output.close();
      await file.close();
      await squeezing.done.catch(() => undefined);
    }
  }
}
