import { lstat } from 'node:fs/promises';
import { invalidArgument, notImplemented } from '@gantry/rpc';
import type { Fields } from '../helper/frame';

/** Where a client wants a process's stdio, as Create and Exec say it. */
export interface StdioUris {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly terminal: boolean;
}

export interface MonitorStdio {
  /** The socket path that a monitor:// URI names. */
  readonly socket: string | undefined;
  readonly fields: Fields;
}

const MONITOR = 'monitor://';

/**
 * Stdio URIs as monitor fields: `monitor://<socket>` (the monitor serves attach there), FIFO paths of containerd's clients, `file://`, or
 * empty for none. `openStdin` decides for monitor:// whether stdin stays open for attaches.
 */
export async function monitorStdio(uris: StdioUris, openStdin: boolean, stdinOnce: boolean): Promise<MonitorStdio> {
  const [stdin, stdout, stderr] = await Promise.all([sink(uris.stdin, 'stdin'), sink(uris.stdout, 'stdout'), sink(uris.stderr, 'stderr')]);
  const monitored = [uris.stdout, uris.stderr, uris.stdin].find((uri) => uri.startsWith(MONITOR) && uri.length > MONITOR.length);
  return {
    socket: monitored?.slice(MONITOR.length),
    fields: {
      tty: uris.terminal,
      stdin: stdin === 'open' || stdin === '' ? (openStdin ? 'open' : '') : stdin,
      stdin_once: stdinOnce,
      stdout,
      stderr: uris.terminal ? '' : stderr,
    },
  };
}

async function sink(uri: string, name: string): Promise<string> {
  if (uri === '') return '';
  if (uri.startsWith(MONITOR)) return 'open';
  const match = /^([a-z]+):\/\/(.*)$/s.exec(uri);
  const [scheme, path] = match === null ? ['', uri] : [match[1] ?? '', (match[2] ?? '').replace(/\?.*$/s, '')];
  if (!path.startsWith('/')) throw invalidArgument(`${name} "${uri}" names no absolute path`);
  if (path.includes('\0')) throw invalidArgument(`${name} path holds a zero byte`);
  if (scheme === 'file') {
    if (name === 'stdin') throw invalidArgument(`stdin "${uri}" cannot be a file`);
    return `file:${path}`;
  }
  if (scheme !== '' && scheme !== 'fifo') throw notImplemented(`${name} scheme "${scheme}" of "${uri}" is not supported`);
  const found = await lstat(path).catch((error: unknown) => {
    throw invalidArgument(`${name} fifo ${path} cannot be found`, { cause: error });
  });
  if (!found.isFIFO()) throw invalidArgument(`${name} ${path} is no fifo`);
  return `fifo:${path}`;
}
