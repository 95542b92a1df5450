import { StatusResponse } from '@gantry/api/moby/buildkit/v1/control';
import type { JobProgress } from '../progress/job-progress';

export interface LoggedProgress {
  /** Each status message behind its length, 4 bytes with the lowest first. */
  readonly bytes: Buffer;
  readonly cached: number;
  readonly completed: number;
  readonly total: number;
  readonly warnings: number;
}

/** All that a build told, as its record keeps it. The progress has ended. */
export async function logOf(progress: JobProgress): Promise<LoggedProgress> {
  const parts: Buffer[] = [];
  let warnings = 0;
  const seen = new Map<string, { cached: boolean; completed: boolean }>();
  for await (const response of progress.watch(new AbortController().signal)) {
    const message = StatusResponse.encode(response).finish();
    const size = Buffer.alloc(4);
    size.writeUInt32LE(message.length);
    parts.push(size, Buffer.from(message));
    warnings += response.warnings.length;
    for (const { digest, cached, completed } of response.vertexes) {
      const vertex = seen.get(digest) ?? { cached: false, completed: false };
      seen.set(digest, { cached: vertex.cached || cached, completed: vertex.completed || completed !== undefined });
    }
  }
  const count = (which: 'cached' | 'completed'): number => [...seen.values()].filter((vertex) => vertex[which]).length;
  return { bytes: Buffer.concat(parts), cached: count('cached'), completed: count('completed'), total: seen.size, warnings };
}
