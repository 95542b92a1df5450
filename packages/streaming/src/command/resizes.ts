import type { Readable } from 'node:stream';
import type { TerminalSize } from '../runtime';

/** Bytes that may come before a size is whole. */
const LIMIT = 1024;
const MOST = 0xffff;

/** Sizes as the client writes them, `{"Width":80,"Height":24}` one after the other. Only the newest waits; what is no size is passed over. */
export async function* resizesOf(stream: Readable | undefined): AsyncGenerator<TerminalSize> {
  if (stream === undefined) return;
  let newest: TerminalSize | undefined;
  let text = '';
  let ended = false;
  let wake: () => void = () => undefined;
  stream.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1');
    for (let end; (end = text.indexOf('}')) !== -1; text = text.slice(end + 1)) newest = parseSize(text.slice(0, end + 1)) ?? newest;
    if (text.length > LIMIT) text = '';
    wake();
  });
  for (const event of ['end', 'close'] as const)
    stream.once(event, () => {
      ended = true;
      wake();
    });
  for (;;) {
    if (newest !== undefined) {
      const size = newest;
      newest = undefined;
      yield size;
    } else if (ended || stream.destroyed) return;
    else await new Promise<void>((resolve) => (wake = resolve));
  }
}

/** Names of members match without case, as the client's and the original's JSON does. */
function parseSize(text: string): TerminalSize | undefined {
  try {
    const members = Object.entries(JSON.parse(text) as object).map(([name, value]) => [name.toLowerCase(), value as unknown]);
    const { width, height } = Object.fromEntries(members) as { width?: unknown; height?: unknown };
    return isLength(width) && isLength(height) ? { width, height } : undefined;
  } catch {
    return undefined;
  }
}

const isLength = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MOST;
