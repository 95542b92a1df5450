import { constants } from 'node:fs';
import { access, lstat } from 'node:fs/promises';
import { invalidArgument, notImplemented } from '@gantry/rpc';
import type { Fields } from '@gantry/native';

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

/** Whose stdio it is: what a logging binary is told. */
export interface StdioOwner {
  readonly namespace: string;
  /** The container's id, or the exec process's. */
  readonly id: string;
}

const MONITOR = 'monitor://';
const BINARY = 'binary://';

/**
 * Stdio URIs as monitor fields: `monitor://<socket>` (the monitor serves attach there), FIFO paths of containerd's clients, `file://`,
 * `binary://` (a logging binary, which takes both outputs), or empty for none. `openStdin` decides for monitor:// whether stdin stays open for attaches.
 */
export async function monitorStdio(uris: StdioUris, owner: StdioOwner, openStdin: boolean, stdinOnce: boolean): Promise<MonitorStdio> {
  const binary = await loggingBinary(uris, owner);
  const outputs = binary === undefined ? uris : { stdout: MONITOR, stderr: MONITOR };
  const [stdin, stdout, stderr] = await Promise.all([
    sink(uris.stdin, 'stdin'),
    sink(outputs.stdout, 'stdout'),
    // A terminal has one output. Clients name a stderr all the same, and do not always make it.
    uris.terminal ? '' : sink(outputs.stderr, 'stderr'),
  ]);
  const monitored = [uris.stdout, uris.stderr, uris.stdin].find((uri) => uri.startsWith(MONITOR) && uri.length > MONITOR.length);
  return {
    socket: monitored?.slice(MONITOR.length),
    fields: {
      tty: uris.terminal,
      stdin: stdin === 'open' || stdin === '' ? (openStdin ? 'open' : '') : stdin,
      stdin_once: stdinOnce,
      stdout,
      stderr,
      ...binary,
    },
  };
}

/** `binary:///program?key=value&flag`: each key, and its value unless that is empty, is an argument, in the order of the URI. */
async function loggingBinary({ stdout, stderr }: StdioUris, { namespace, id }: StdioOwner): Promise<Fields | undefined> {
  if (!stdout.startsWith(BINARY)) {
    if (stderr.startsWith(BINARY)) throw invalidArgument(`stderr "${stderr}" names a logging binary, which stdout must name`);
    return undefined;
  }
  if (stderr !== '' && stderr !== stdout)
    throw invalidArgument(`stderr "${stderr}" is not the logging binary of stdout "${stdout}", which takes both`);
  const query = stdout.indexOf('?');
  const path = decodeURIComponent(stdout.slice(BINARY.length, query < 0 ? undefined : query));
  if (!path.startsWith('/')) throw invalidArgument(`stdout "${stdout}" names no absolute path`);
  const parameters = [...new URLSearchParams(query < 0 ? '' : stdout.slice(query))].flatMap(([key, value]) =>
    value === '' ? [key] : [key, value],
  );
  if ([path, ...parameters].some((one) => one.includes('\0'))) throw invalidArgument('stdout holds a zero byte');
  await access(path, constants.X_OK).catch((error: unknown) => {
    throw invalidArgument(`logging binary ${path} cannot be run`, { cause: error });
  });
  return { logger: [path, ...parameters], logger_env: [`CONTAINER_ID=${id}`, `CONTAINER_NAMESPACE=${namespace}`] };
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
