import type { Progress } from '@gantry/api/gantry/images/v1/images';
import { type ApiVersion, exactNumber } from '@gantry/docker-api';
import type { Exchange } from '../http/exchange';
import { JsonLines } from './lines';

/** Answers with the progress of a call, line by line, and with its failure as the stream's state allows. */
export async function sendProgress(x: Exchange, call: AsyncIterable<{ readonly progress?: Progress | undefined }>): Promise<void> {
  const lines = new JsonLines(x);
  try {
    for await (const { progress } of call) {
      const line = progress === undefined ? undefined : progressLine(progress, x.version);
      if (line !== undefined) await lines.write(line);
    }
    lines.end();
  } catch (error) {
    lines.fail(error);
  }
}

/** One line of docker's progress stream (jsonmessage.JSONMessage); undefined when there is nothing to tell. */
export function progressLine(progress: Progress, version: ApiVersion): object | undefined {
  if (progress.error !== '') return { errorDetail: { message: progress.error }, error: progress.error };
  if (progress.stream !== '') return { stream: progress.stream };
  const aux = auxOf(progress);
  if (aux !== undefined && progress.status === '') return { progressDetail: {}, aux };
  if (progress.status === '') return undefined;
  const bar = progress.current !== 0n || progress.total !== 0n;
  return {
    status: progress.status,
    ...(bar
      ? {
          progressDetail: {
            current: exactNumber(progress.current),
            ...(progress.total > 0n ? { total: exactNumber(progress.total) } : {}),
          },
        }
      : {}),
    ...(bar && !version.atLeast('1.52') ? { progress: drawBar(Number(progress.current), Number(progress.total)) } : {}),
    ...(!bar && progress.id !== '' && !progress.status.startsWith('Pulling from') ? { progressDetail: {} } : {}),
    ...(progress.id === '' ? {} : { id: progress.id }),
    ...(aux === undefined ? {} : { aux }),
  };
}

/** Machine-readable last facts: of a push its tag, digest and size, of an import or build the image's id. */
function auxOf(progress: Progress): object | undefined {
  if (progress.auxDigest !== '') return { Tag: progress.auxTag, Digest: progress.auxDigest, Size: exactNumber(progress.auxSize) };
  return progress.auxId === '' ? undefined : { ID: progress.auxId };
}

const WIDTH = 50;

/** The bar that dockerd draws for clients that do not draw their own. */
function drawBar(current: number, total: number): string {
  if (total <= 0) return humanSize(current).padStart(8);
  const done = Math.min(Math.floor((current / total) * 100), 100) >> 1;
  const bar = done < WIDTH ? `${'='.repeat(done)}>${' '.repeat(WIDTH - done)}` : '='.repeat(WIDTH) + '>';
  return `[${bar}] ${humanSize(current).padStart(8)}/${humanSize(total)}`;
}

/** Four significant digits and a decimal unit, as docker prints sizes: 1.234MB. */
export function humanSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(4))}${units[unit]}`;
}
