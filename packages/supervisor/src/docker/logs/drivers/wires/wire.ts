import { getSystemErrorMessage } from 'node:util';
import { invalidArgument, unavailable } from '@gantry/rpc';

/** A connection that takes bytes: a stream takes them in a row, datagrams take each buffer apart. */
export interface Wire {
  /** Settles when the kernel has taken all. */
  write(buffers: readonly Buffer[], signal: AbortSignal): Promise<void>;
  /** Rejects when the other side is gone. Never resolves. */
  readonly lost: Promise<never>;
  close(): Promise<void>;
}

export interface Host {
  readonly host: string;
  readonly port: number;
}

/** What the system said, as Go tells it. */
export function systemText(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException;
  return typeof errno === 'number' ? getSystemErrorMessage(-Math.abs(errno)) : message;
}

/** A dial that failed, as Go tells it. */
export function dialFailed(network: string, address: string, error: unknown): Error {
  const { code, hostname, syscall } = error as NodeJS.ErrnoException & { hostname?: string };
  const words =
    syscall === 'getaddrinfo'
      ? `dial ${network}: lookup ${hostname ?? address}: ${code === 'ENOTFOUND' ? 'no such host' : systemText(error)}`
      : `dial ${network} ${address}: connect: ${systemText(error)}`;
  return unavailable(words, { cause: error });
}

/** `host:port` as Go's net.SplitHostPort takes it; the port may be missing where there is another. Throws invalidArgument. */
export function splitHost(text: string, otherwise?: number): Host {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([0-9]*))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) throw invalidArgument(`address ${text}: too many colons in address`);
  if (port === undefined && otherwise === undefined) throw invalidArgument(`address ${text}: missing port in address`);
  return { host: host === '' ? 'localhost' : host, port: port === undefined ? (otherwise ?? 0) : Number(port) };
}

/** A promise that only ever rejects, and whose rejection nobody has to take. */
export function loss(): { readonly lost: Promise<never>; lose(error: Error): void } {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  return { lost: promise, lose: reject };
}
