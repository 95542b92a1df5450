import type { Http2Server } from 'node:http2';
import type { Server } from '@grpc/grpc-js';

/** Deadlines farther off than this are not told to grpc-js: its timers and numbers end at 24.8 days. */
export const FARTHEST_MS = 2 ** 31 - 1;

const TIMEOUT = 'grpc-timeout';
const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * Lets calls through whose caller waits for longer than 24.8 days: grpc-js cuts their `grpc-timeout` to 32 bits, which ends them before they begin.
 * Such a call has no deadline here; its caller keeps the time and cancels it. grpc-js has no hook before that header is read, so the
 * server's own method is wrapped, which its version, pinned, has.
 */
export function forgetFarDeadlines(server: Server): void {
  const inner = server as unknown as { createHttp2Server(credentials: unknown): Http2Server };
  const make = inner.createHttp2Server.bind(server);
  inner.createHttp2Server = (credentials) => {
    const http2 = make(credentials);
    http2.prependListener('stream', (_stream, headers) => {
      const [, count, unit] = /^(\d{1,8})([HMSmun])$/.exec(String(headers[TIMEOUT])) ?? [];
      if (count !== undefined && unit !== undefined && Number(count) * (UNITS[unit] ?? 0) > FARTHEST_MS) delete headers[TIMEOUT];
    });
    return http2;
  };
}
