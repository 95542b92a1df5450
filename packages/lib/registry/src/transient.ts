import { isErrorOf, pause } from '@gantry/rpc';
import type { Response } from './http';

/** Attempts after the first. */
export const RETRIES = 4;
/** A registry that wants to be left alone for longer than this is told to the user instead. */
const LONGEST_PAUSE = 60_000;

export const RETRIED_STATUS: readonly number[] = [408, 429, 500, 502, 503, 504];

export function isTransient(error: unknown): boolean {
  return (
    isErrorOf(error, 'unavailable', 'deadlineExceeded') ||
    ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE'].includes((error as { code?: string } | null)?.code ?? '')
  );
}

/** Nobody listens, speaks TLS, or knows the name (who is offline has no server that does): another endpoint may be meant, trying again is of no use. */
export function isRefused(error: unknown): boolean {
  const code = ((error as Error).cause as { code?: string } | undefined)?.code ?? '';
  return (
    ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EPROTO', 'EHOSTUNREACH', 'ENETUNREACH'].includes(code) ||
    /^ERR_SSL|^ERR_TLS|CERT|UNABLE_TO_/.test(code)
  );
}

/** Milliseconds that an answer's Retry-After (seconds or a date) asks for; undefined when it says nothing. */
export function retryAfter(response: Pick<Response, 'headers'>): number | undefined {
  const text = response.headers['retry-after'];
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** Is a wait of so long worth it? */
export const isBearable = (ms: number | undefined): boolean => ms === undefined || ms <= LONGEST_PAUSE;

/** Waits before attempt number `failures` (from 1): as long as the registry asked for, else longer each time with some chance in it. */
export async function backOff(
  failures: number,
  pauseMs: number,
  options: { readonly signal?: AbortSignal | undefined; readonly asked?: number | undefined },
): Promise<void> {
  const { signal, asked } = options;
  await pause(asked ?? pauseMs * 2 ** (failures - 1) * (0.5 + Math.random()), { signal });
  signal?.throwIfAborted();
}
