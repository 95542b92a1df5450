import { invalidArgument } from '@gantry/rpc/errors';

export type Action = 'start' | 'delete' | 'serve' | 'version' | 'info';

/** What a containerd tells its shim: flags in Go's manner, and the environment. */
export interface Invocation {
  readonly action: Action;
  readonly namespace: string;
  readonly id: string;
  readonly bundle: string;
  /** containerd's gRPC socket; names this shim, too. */
  readonly address: string;
  /** containerd's own program. */
  readonly publishBinary: string;
  readonly debug: boolean;
  /** Where events go over ttrpc; empty: through publishBinary. */
  readonly ttrpcAddress: string;
  /** Set by containerd 1.7 and later. */
  readonly grpcAddress: string;
  /** Newest version of the shim protocol that the caller says it knows; 0: it says nothing. */
  readonly maxVersion: number;
}

const strings = ['namespace', 'id', 'bundle', 'address', 'publish-binary', 'socket'] as const;
const switches = ['debug', 'v', 'version', 'info'] as const;

/** Reads `[flags] start|delete`, `-info`, or `-v`. */
export function readInvocation(argv: readonly string[], environment: NodeJS.ProcessEnv = process.env): Invocation {
  const values = new Map<string, string>();
  let action: Action | undefined;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] as string;
    const match = /^--?([a-z-]+)(?:=(.*))?$/s.exec(word);
    if (match === null) {
      if (word !== 'start' && word !== 'delete' && word !== 'serve') throw invalidArgument(`action "${word}" is none of start, delete`);
      action = word;
      continue;
    }
    const [, name = '', inline] = match;
    if ((switches as readonly string[]).includes(name)) {
      if (inline !== undefined && inline !== 'true' && inline !== 'false')
        throw invalidArgument(`flag -${name} takes true or false, not "${inline}"`);
      values.set(name, inline ?? 'true');
    } else if ((strings as readonly string[]).includes(name)) {
      const value = inline ?? argv[++i];
      if (value === undefined) throw invalidArgument(`flag -${name} needs a value`);
      values.set(name, value);
    } else {
      throw invalidArgument(`unknown flag ${word}`);
    }
  }
  const text = (name: (typeof strings)[number]): string => values.get(name) ?? '';
  if (text('socket') !== '') throw invalidArgument(`-socket "${text('socket')}" is not supported: the shim chooses its sockets`);
  if (values.get('info') === 'true') action = 'info';
  if (values.get('v') === 'true' || values.get('version') === 'true') action = 'version';
  if (action === undefined) throw invalidArgument('no action: start or delete');
  return {
    action,
    namespace: text('namespace'),
    id: text('id'),
    bundle: text('bundle'),
    address: text('address'),
    publishBinary: text('publish-binary'),
    debug: values.get('debug') === 'true',
    ttrpcAddress: environment['TTRPC_ADDRESS'] ?? '',
    grpcAddress: environment['GRPC_ADDRESS'] ?? '',
    maxVersion: Number(environment['MAX_SHIM_VERSION'] ?? 0),
  };
}
