import { promisify } from 'node:util';
import { gzip, gzipSync, zstdCompress } from 'node:zlib';
import { type TreeProgram, TreeRequest } from '@gantry/native';
import { ZSTD } from './pack-zstd';

const gzipAside = promisify(gzip);
const zstd = promisify(zstdCompress);

/** Bytes of the archive of a layer that is worth no process of its own. */
const MOST = 1 << 20;
/** What is packed at once, sooner than a thread is waiting for. */
const TINY = 16 << 10;

/** Layers that changed little, as most steps of builds do: packed by a process that is kept, and held in memory. */
export class SmallLayers {
  constructor(private readonly program: Pick<TreeProgram, 'run'>) {}

  /** The archive of what overlayfs keeps in a directory and what it lies on (topmost first) has not; undefined for a layer that is not small. */
  async archive(directory: string, lower: readonly string[] = [], signal = new AbortController().signal): Promise<Buffer | undefined> {
    const request = new TreeRequest('L').text(directory).number(MOST).number(lower.length);
    for (const below of lower) request.text(below);
    const answer = await this.program.run(request, signal);
    return answer[0] === 1 ? answer.subarray(1) : undefined;
  }

  /** Gzip gives the bytes that a stream gives. */
  async packed(archive: Buffer, compression: 'none' | 'gzip' | 'zstd'): Promise<Buffer> {
    if (compression === 'none') return archive;
    if (compression === 'zstd') return zstd(archive, ZSTD);
    return archive.length <= TINY ? gzipSync(archive, { level: 6 }) : gzipAside(archive, { level: 6 });
  }
}
