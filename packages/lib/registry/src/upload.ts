import type { Readable } from 'node:stream';
import { errorText, unavailable } from '@gantry/rpc';
import type { Calls } from './calls';
import { refusal } from './errors';
import type { Response } from './http';
import { backOff, isTransient, RETRIES } from './transient';

/** A blob to send. Its digest, and where it is compressed on the way its size, may be known only in the end. */
export interface Upload {
  readonly digest?: string;
  readonly size?: number;
  /** A repository of the same registry that may have it already. */
  readonly from?: string;
  /** The bytes from an offset on; asked again when the connection broke. */
  readonly body: (offset: number) => Readable;
  /** Digest of what body gave, asked after it ended. */
  readonly digestAfter: () => string;
  readonly signal?: AbortSignal | undefined;
}

interface Place {
  readonly calls: Calls;
  readonly path: string;
  readonly scope: string;
}

/** Bytes of one request when an upload is taken up again, unless the registry wants more. */
const CHUNK = 64 << 20;
const OCTETS = { 'Content-Type': 'application/octet-stream' };

/**
 * One upload session: in one request when the size is known, streamed when not. When the connection breaks, the registry is asked how far it came
 * and the rest is sent in chunks; a registry that lost the session gets a new one.
 */
export async function upload(place: Place, job: Upload): Promise<'mounted' | 'uploaded'> {
  for (let failures = 0; ;) {
    const opened = await open(place, job);
    if (opened === undefined) return 'mounted';
    try {
      await send(place, job, opened);
      return 'uploaded';
    } catch (error) {
      if (job.signal?.aborted === true || !isTransient(error) || ++failures > RETRIES) throw error;
      await backOff(failures, place.calls.pauseMs, { signal: job.signal });
    }
  }
}

interface Session {
  readonly location: URL;
  readonly minChunk: number;
}

async function open({ calls, path, scope }: Place, { digest, from, signal }: Upload): Promise<Session | undefined> {
  const mount = digest === undefined || from === undefined ? '' : `?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`;
  const response = await calls.send(calls.url(`${path}/blobs/uploads/${mount}`), {
    method: 'POST',
    body: Buffer.alloc(0),
    signal,
    scope: mount === '' ? scope : `${scope} repository:${from ?? ''}:pull`,
  });
  if (response.status === 201) {
    response.body.resume();
    return undefined;
  }
  if (response.status !== 202) throw await refusal(response, `upload to ${path}`);
  response.body.resume();
  return { location: calls.location(response, `upload to ${path}`), minChunk: Number(response.headers['oci-chunk-min-length'] ?? 0) || 0 };
}

async function send(place: Place, job: Upload, session: Session): Promise<void> {
  const { calls, path, scope } = place;
  const { signal, size } = job;
  try {
    if (size !== undefined) {
      await finish(place, job, session.location, { body: () => job.body(0), headers: { ...OCTETS, 'Content-Length': String(size) } });
      return;
    }
    const sent = await calls.send(session.location, { method: 'PATCH', headers: OCTETS, body: () => job.body(0), signal, scope });
    await finish(place, job, await accepted(place, sent));
  } catch (error) {
    const tooLarge = (error as { meta?: { status?: number } }).meta?.status === 413;
    if (signal?.aborted === true || (!tooLarge && !isTransient(error))) throw error;
    const state = await progressOf(place, session.location, signal);
    if (state === undefined) throw tooLarge ? error : unavailable(`upload to ${path} broke off: ${errorText(error)}`, { cause: error });
    await resume(place, job, { ...state, chunk: Math.max(session.minChunk, tooLarge ? CHUNK / 8 : CHUNK) });
  }
}

/** The rest in chunks that say where they belong. Only a known size can say so; what is compressed on the way goes in one more stream. */
async function resume(
  place: Place,
  job: Upload,
  state: { readonly location: URL; readonly offset: number; readonly chunk: number },
): Promise<void> {
  const { calls, scope } = place;
  const { signal, size } = job;
  let { location } = state;
  if (size === undefined) {
    location = await accepted(
      place,
      await calls.send(location, { method: 'PATCH', headers: OCTETS, body: () => job.body(state.offset), signal, scope }),
    );
  } else {
    for (let at = state.offset; at < size;) {
      const end = Math.min(at + state.chunk, size);
      const headers = { ...OCTETS, 'Content-Length': String(end - at), 'Content-Range': `${at}-${end - 1}` };
      const from = at;
      location = await accepted(
        place,
        await calls.send(location, { method: 'PATCH', headers, body: () => firstBytes(job.body(from), end - from), signal, scope }),
      );
      at = end;
    }
  }
  await finish(place, job, location);
}

/** How far the registry came; undefined when it does not know the session any more. */
async function progressOf(
  { calls, scope }: Place,
  location: URL,
  signal: AbortSignal | undefined,
): Promise<{ location: URL; offset: number } | undefined> {
  const response = await calls.send(location, { method: 'GET', signal, scope }).catch(() => undefined);
  if (response === undefined) return undefined;
  response.body.resume();
  if (response.status !== 204 && response.status !== 202) return undefined;
  const end = /^(?:bytes=)?0-(\d+)$/.exec(String(response.headers['range'] ?? ''))?.[1];
  const next = response.headers['location'] === undefined ? location : calls.location(response, 'upload');
  // "0-0" is said of no byte and of one: what is not sure is sent again.
  return { location: next, offset: end === undefined || end === '0' ? 0 : Number(end) + 1 };
}

async function accepted({ calls, path }: Place, response: Response): Promise<URL> {
  if (response.status !== 202) throw await refusal(response, `upload to ${path}`);
  response.body.resume();
  return calls.location(response, `upload to ${path}`);
}

async function finish(
  { calls, path, scope }: Place,
  job: Upload,
  location: URL,
  content: { readonly body: Buffer | (() => Readable); readonly headers: Readonly<Record<string, string>> } = {
    body: Buffer.alloc(0),
    headers: {},
  },
): Promise<void> {
  const end = new URL(location);
  end.searchParams.set('digest', job.digest ?? job.digestAfter());
  const response = await calls.send(end, { method: 'PUT', ...content, signal: job.signal, scope });
  if (response.status !== 201 && response.status !== 204) throw await refusal(response, `upload to ${path}`);
  response.body.resume();
}

function firstBytes(source: Readable, count: number): Readable {
  return source.compose(async function* (parts: AsyncIterable<Buffer>) {
    let left = count;
    for await (const part of parts) {
      yield part.subarray(0, left);
      left -= Math.min(left, part.length);
      if (left === 0) return;
    }
  }) as unknown as Readable;
}
